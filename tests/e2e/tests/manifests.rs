//! The deployment files against themselves and against the programs: what
//! selects something finds it, what is probed is served, what is configured
//! exists, and what drains has the time.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use serde::Deserialize as _;
use serde_json::Value;

const NAME: &str = "app.kubernetes.io/name";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Every document of a file.
fn documents(file: &Path) -> Vec<Value> {
    let text =
        fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    serde_yaml_ng::Deserializer::from_str(&text)
        .map(|document| {
            Value::deserialize(document)
                .unwrap_or_else(|error| panic!("{}: {error}", file.display()))
        })
        .collect()
}

fn yaml_files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("folder").filter_map(Result::ok) {
        let path = entry.path();
        if path.is_dir() {
            found.extend(yaml_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "yaml") {
            found.push(path);
        }
    }
    found
}

fn base() -> Vec<Value> {
    yaml_files(&root().join("k8s/base")).iter().flat_map(|file| documents(file)).collect()
}

fn of_kind(kind: &str) -> Vec<Value> {
    base().into_iter().filter(|document| document["kind"] == kind).collect()
}

fn name(document: &Value) -> &str {
    document["metadata"]["name"].as_str().expect("a name")
}

fn container(deployment: &Value) -> &Value {
    &deployment["spec"]["template"]["spec"]["containers"][0]
}

fn pod_labels() -> Vec<Value> {
    let labels = |deployment: &Value| deployment["spec"]["template"]["metadata"]["labels"].clone();
    of_kind("Deployment").iter().map(labels).collect()
}

fn selects(selector: &Value, labels: &Value) -> bool {
    let wanted = selector.as_object().expect("labels");
    wanted.iter().all(|(label, value)| &labels[label] == value)
}

#[test]
fn every_file_parses_and_is_named() {
    let root = root();
    for file in yaml_files(&root.join("k8s")) {
        for document in documents(&file) {
            assert!(document["kind"].is_string(), "{}", file.display());
        }
    }
    for kustomization in yaml_files(&root.join("k8s")) {
        if !kustomization.ends_with("kustomization.yaml") {
            continue;
        }
        let folder = kustomization.parent().expect("a folder");
        let listed: Vec<PathBuf> = documents(&kustomization)[0]["resources"]
            .as_array()
            .expect("resources")
            .iter()
            .map(|path| folder.join(path.as_str().expect("a path")))
            .collect();
        assert!(listed.iter().all(|path| path.exists()), "{listed:?}");
        let siblings = yaml_files(folder).into_iter().filter(|file| *file != kustomization);
        for file in siblings.filter(|file| file.parent() == Some(folder)) {
            assert!(listed.contains(&file), "{} is in no kustomization", file.display());
        }
    }
}

#[test]
fn selectors_find_their_pods() {
    let pods = pod_labels();
    for deployment in of_kind("Deployment") {
        let spec = &deployment["spec"];
        assert!(selects(&spec["selector"]["matchLabels"], &spec["template"]["metadata"]["labels"]));
        for spread in
            spec["template"]["spec"]["topologySpreadConstraints"].as_array().expect("spread")
        {
            let labels = &spread["labelSelector"]["matchLabels"];
            assert!(selects(labels, &spec["template"]["metadata"]["labels"]));
        }
    }
    let selectors = of_kind("Service")
        .iter()
        .map(|service| service["spec"]["selector"].clone())
        .chain(
            of_kind("PodDisruptionBudget")
                .iter()
                .map(|budget| budget["spec"]["selector"]["matchLabels"].clone()),
        )
        .chain(
            of_kind("NetworkPolicy")
                .iter()
                .map(|policy| policy["spec"]["podSelector"]["matchLabels"].clone()),
        )
        .collect::<Vec<_>>();
    for selector in selectors {
        assert!(pods.iter().any(|labels| selects(&selector, labels)), "{selector}");
    }
    for scaler in of_kind("HorizontalPodAutoscaler") {
        let target = &scaler["spec"]["scaleTargetRef"]["name"];
        assert!(of_kind("Deployment").iter().any(|deployment| name(deployment) == target));
    }
}

#[test]
fn ports_are_served() {
    for deployment in of_kind("Deployment") {
        let container = container(&deployment);
        let ports = container["ports"].as_array().expect("ports");
        let known = |port: &Value| {
            ports.iter().any(|served| &served["name"] == port || &served["containerPort"] == port)
        };
        for probe in ["startupProbe", "livenessProbe", "readinessProbe"] {
            let probe = &container[probe];
            let port = if probe["grpc"].is_object() {
                &probe["grpc"]["port"]
            } else {
                &probe["httpGet"]["port"]
            };
            assert!(known(port), "{}: {probe}", name(&deployment));
        }
        assert_ne!(container["livenessProbe"], container["readinessProbe"], "alive is not ready");
        let service = of_kind("Service")
            .into_iter()
            .find(|service| service["spec"]["selector"][NAME] == name(&deployment))
            .expect("a service");
        assert!(known(&service["spec"]["ports"][0]["targetPort"]));
    }
}

/// Kubernetes kills after the grace period, so everything before must fit.
#[test]
fn a_drain_has_its_time() {
    let config = of_kind("ConfigMap").remove(0)["data"].clone();
    let seconds = |key: &str| -> f64 { config[key].as_str().expect(key).parse().expect(key) };
    let drain =
        seconds("REMBG_SHUTDOWN__NOTICE_SECONDS") + seconds("REMBG_SHUTDOWN__DRAIN_SECONDS");
    for deployment in of_kind("Deployment") {
        let stop = container(&deployment)["lifecycle"]["preStop"]["sleep"]["seconds"].as_f64();
        let grace =
            deployment["spec"]["template"]["spec"]["terminationGracePeriodSeconds"].as_f64();
        assert!(stop.expect("preStop") + drain < grace.expect("grace"), "{}", name(&deployment));
    }
}

#[test]
fn pods_have_no_privileges_and_limits_above_their_ceilings() {
    for deployment in of_kind("Deployment") {
        let (pod, container) = (&deployment["spec"]["template"]["spec"], container(&deployment));
        assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
        assert_eq!(container["securityContext"]["readOnlyRootFilesystem"], true);
        assert_eq!(container["securityContext"]["allowPrivilegeEscalation"], false);
        assert!(container["resources"]["limits"]["memory"].is_string());
    }
    let worker = of_kind("Deployment").into_iter().find(|found| name(found) == "rembg-worker");
    let limit = container(&worker.expect("a worker"))["resources"]["limits"]["memory"].clone();
    let limit: u64 =
        limit.as_str().and_then(|text| text.strip_suffix("Mi")).expect("Mi").parse().expect("Mi");
    let ceiling = of_kind("ConfigMap").remove(0)["data"]["REMBG_INFERENCE__MEMORY_MB"].clone();
    let ceiling: u64 = ceiling.as_str().expect("text").parse().expect("a number");
    assert!(ceiling < limit && limit < ceiling + 512);
}

/// A variable that no program knows would be ignored in silence.
#[test]
fn every_variable_is_a_known_key() {
    let known = known_keys();
    let mut used: Vec<String> = of_kind("ConfigMap")
        .iter()
        .flat_map(|map| map["data"].as_object().expect("data").keys().cloned().collect::<Vec<_>>())
        .collect();
    let overlay = documents(&root().join("k8s/overlays/production/kustomization.yaml")).remove(0);
    let literals = overlay["configMapGenerator"][0]["literals"].as_array().expect("literals");
    used.extend(literals.iter().map(|line| {
        line.as_str().unwrap_or_default().split('=').next().unwrap_or_default().to_owned()
    }));
    let compose = documents(&root().join("deploy/docker-compose.yaml")).remove(0);
    for service in compose["services"].as_object().expect("services").values() {
        used.extend(
            service["environment"].as_object().into_iter().flat_map(|map| map.keys().cloned()),
        );
    }
    for variable in used.iter().filter(|variable| variable.starts_with("REMBG_")) {
        assert!(known.contains(variable), "{variable} is no key of {known:?}");
    }
}

/// `REMBG_<SECTION>__<KEY>` for every key of the embedded default files.
fn known_keys() -> BTreeSet<String> {
    let mut known = BTreeSet::new();
    for file in toml_files(&root().join("crates")) {
        let text = fs::read_to_string(&file).expect("readable");
        let Ok(table) = text.parse::<toml::Table>() else { continue };
        collect(&table, "REMBG_", &mut known);
    }
    known
}

fn collect(table: &toml::Table, prefix: &str, known: &mut BTreeSet<String>) {
    for (key, value) in table {
        let name = format!("{prefix}{}", key.to_uppercase());
        match value {
            toml::Value::Table(inner) => collect(inner, &format!("{name}__"), known),
            _ => {
                known.insert(name);
            }
        }
    }
}

fn toml_files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("folder").filter_map(Result::ok) {
        let path = entry.path();
        if path.is_dir() {
            found.extend(toml_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "toml")
            && !path.ends_with("Cargo.toml")
        {
            found.push(path);
        }
    }
    found
}

/// What compose names must exist, and only the gateway is reachable.
#[test]
fn compose_is_consistent() {
    let compose = documents(&root().join("deploy/docker-compose.yaml")).remove(0);
    let services = compose["services"].as_object().expect("services");
    let reachable: Vec<&String> = services
        .iter()
        .filter(|(_, service)| service["ports"].is_array())
        .map(|(name, _)| name)
        .collect();
    assert_eq!(reachable, ["gateway"]);
    for (name, service) in services {
        let needed = match &service["depends_on"] {
            Value::Array(names) => {
                names.iter().filter_map(|name| name.as_str().map(str::to_owned)).collect()
            }
            Value::Object(names) => names.keys().cloned().collect(),
            _ => Vec::new(),
        };
        assert!(needed.iter().all(|needed| services.contains_key(needed)), "{name}: {needed:?}");
    }
}
