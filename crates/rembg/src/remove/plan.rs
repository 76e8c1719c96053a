//! Which pictures are worked on and where each result goes, settled before any
//! work starts, so that two results can never meet in one file.

use std::{
    collections::{BTreeMap, HashMap},
    path::{Path, PathBuf},
};

/// What to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// Standard input.
    Stdin,
    /// A file.
    File(PathBuf),
}

/// Where to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    /// Standard output.
    Stdout,
    /// A file.
    File(PathBuf),
}

/// One picture's way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Item {
    pub(crate) source: Source,
    pub(crate) target: Target,
}

/// The request makes no sense; nothing was done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PlanError {
    #[error("'{0}' does not exist")]
    Missing(String),
    #[error("'{0}' cannot be read: {1}")]
    Unreadable(String, std::io::Error),
    #[error("'{0}' holds no pictures (webp, bmp, png, jpg, jpeg)")]
    Empty(String),
    #[error("several pictures need a folder: '{0}' is a file")]
    NotAFolder(String),
    #[error("one stream holds one picture: name a folder with --output")]
    ManyToStdout,
    #[error("'{0}' and '{1}' would both become '{2}'")]
    Collision(String, String, String),
    #[error("the result would replace its own picture '{0}': choose another name with --output")]
    Overwrites(String),
}

/// Settles every picture's way.
///
/// # Errors
/// [`PlanError`], before anything is read or written.
pub(crate) fn plan(
    inputs: &[PathBuf],
    output: Option<&Path>,
    extension: &str,
) -> Result<Vec<Item>, PlanError> {
    let single = inputs.len() == 1 && !inputs[0].is_dir();
    let items = if single {
        vec![single_item(&inputs[0], output, extension)?]
    } else {
        many(inputs, output, extension)?
    };
    refuse_collisions(&items)?;
    Ok(items)
}

fn single_item(input: &Path, output: Option<&Path>, extension: &str) -> Result<Item, PlanError> {
    let source = source(input)?;
    let target = match (output, &source) {
        (Some(output), _) if is_stream(output) => Target::Stdout,
        (Some(output), Source::File(file)) if names_folder(output) => {
            Target::File(output.join(result_name(file, extension)))
        }
        (Some(output), Source::Stdin) if names_folder(output) => {
            Target::File(output.join(format!("stdin.{extension}")))
        }
        (Some(output), _) => Target::File(output.to_owned()),
        (None, Source::Stdin) => Target::Stdout,
        (None, Source::File(file)) => Target::File(beside(file, extension)),
    };
    Ok(Item { source, target })
}

fn many(
    inputs: &[PathBuf],
    output: Option<&Path>,
    extension: &str,
) -> Result<Vec<Item>, PlanError> {
    match output {
        Some(output) if is_stream(output) => return Err(PlanError::ManyToStdout),
        Some(output) if output.is_file() => {
            return Err(PlanError::NotAFolder(output.display().to_string()));
        }
        _ => {}
    }
    let mut items = Vec::new();
    for input in inputs {
        if input.is_dir() {
            folder(input, output, extension, &mut items)?;
        } else {
            let source = source(input)?;
            let target = match (&source, output) {
                (Source::Stdin, _) => return Err(PlanError::ManyToStdout),
                (Source::File(file), Some(output)) => output.join(result_name(file, extension)),
                (Source::File(file), None) => beside(file, extension),
            };
            items.push(Item { source, target: Target::File(target) });
        }
    }
    Ok(items)
}

/// All pictures below a folder, in a fixed order; the results mirror its tree.
fn folder(
    root: &Path,
    output: Option<&Path>,
    extension: &str,
    items: &mut Vec<Item>,
) -> Result<(), PlanError> {
    let into = output.map_or_else(|| suffixed(root, "-cutout"), Path::to_owned);
    let mut found = BTreeMap::new();
    walk(root, &into, &mut found)?;
    if found.is_empty() {
        return Err(PlanError::Empty(root.display().to_string()));
    }
    for file in found.into_keys() {
        let inside = file.strip_prefix(root).unwrap_or(&file);
        let target = into.join(inside).with_file_name(result_name(&file, extension));
        items.push(Item { source: Source::File(file), target: Target::File(target) });
    }
    Ok(())
}

fn walk(folder: &Path, skip: &Path, found: &mut BTreeMap<PathBuf, ()>) -> Result<(), PlanError> {
    let unreadable = |error| PlanError::Unreadable(folder.display().to_string(), error);
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let path = entry.path();
        // A link to a folder could lead in a circle.
        let is_link = entry.file_type().map_err(unreadable)?.is_symlink();
        if path.is_dir() {
            if !is_link && path != skip {
                walk(&path, skip, found)?;
            }
        } else if is_picture(&path) {
            found.insert(path, ());
        }
    }
    Ok(())
}

fn is_picture(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str());
    extension.is_some_and(|extension| {
        validation::ALLOWED_EXTENSIONS.iter().any(|known| known.eq_ignore_ascii_case(extension))
    })
}

fn source(input: &Path) -> Result<Source, PlanError> {
    if is_stream(input) {
        Ok(Source::Stdin)
    } else if input.exists() {
        Ok(Source::File(input.to_owned()))
    } else {
        Err(PlanError::Missing(input.display().to_string()))
    }
}

fn is_stream(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// A path that is a folder already, or is written like one.
fn names_folder(path: &Path) -> bool {
    path.is_dir() || path.as_os_str().to_string_lossy().ends_with(std::path::MAIN_SEPARATOR)
}

fn result_name(file: &Path, extension: &str) -> PathBuf {
    let mut name = file.file_stem().unwrap_or_default().to_owned();
    name.push(".");
    name.push(extension);
    PathBuf::from(name)
}

/// `photo.jpg` → `photo-cutout.png`, in the same folder.
fn beside(file: &Path, extension: &str) -> PathBuf {
    let stem = suffixed(Path::new(file.file_stem().unwrap_or_default()), "-cutout");
    file.with_file_name(format!("{}.{extension}", stem.display()))
}

fn suffixed(path: &Path, suffix: &str) -> PathBuf {
    let name = path.file_name().map_or_else(|| "pictures".into(), |name| name.to_string_lossy());
    path.with_file_name(format!("{name}{suffix}"))
}

fn refuse_collisions(items: &[Item]) -> Result<(), PlanError> {
    let mut taken: HashMap<&Path, &Source> = HashMap::new();
    for item in items {
        let Target::File(target) = &item.target else { continue };
        if item.source == Source::File(target.clone()) {
            return Err(PlanError::Overwrites(target.display().to_string()));
        }
        if let Some(other) = taken.insert(target, &item.source) {
            return Err(PlanError::Collision(
                other.to_string(),
                item.source.to_string(),
                target.display().to_string(),
            ));
        }
    }
    Ok(())
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Stdin => f.write_str("standard input"),
            Self::File(path) => path.display().fmt(f),
        }
    }
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Stdout => f.write_str("standard output"),
            Self::File(path) => path.display().fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[&str]) -> tempfile::TempDir {
        let root = tempfile::tempdir().expect("folder");
        for file in files {
            let path = root.path().join(file);
            std::fs::create_dir_all(path.parent().expect("parent")).expect("folders");
            std::fs::write(path, b"x").expect("file");
        }
        root
    }

    fn targets(items: &[Item], root: &Path) -> Vec<String> {
        let relative = |item: &Item| match &item.target {
            Target::Stdout => "-".to_owned(),
            Target::File(path) => path.strip_prefix(root).unwrap_or(path).display().to_string(),
        };
        items.iter().map(relative).collect()
    }

    #[test]
    fn one_picture() {
        let root = tree(&["photo.jpg", "out/keep"]);
        let at = |name: &str| root.path().join(name);
        let cases: [(PathBuf, Option<PathBuf>, &str); 6] = [
            (at("photo.jpg"), None, "photo-cutout.png"),
            (at("photo.jpg"), Some(at("a.webp")), "a.webp"),
            (at("photo.jpg"), Some(at("out")), "out/photo.png"),
            (at("photo.jpg"), Some("-".into()), "-"),
            ("-".into(), None, "-"),
            ("-".into(), Some(at("b.png")), "b.png"),
        ];
        for (input, output, expected) in cases {
            let items = plan(&[input], output.as_deref(), "png").expect("plan");
            assert_eq!(targets(&items, root.path()), [expected]);
        }
    }

    #[test]
    fn a_folder_keeps_its_tree_and_leaves_other_files_alone() {
        let root = tree(&["in/a.jpg", "in/deep/b.PNG", "in/notes.txt"]);
        let items = plan(&[root.path().join("in")], Some(&root.path().join("out")), "webp");
        assert_eq!(targets(&items.expect("plan"), root.path()), ["out/a.webp", "out/deep/b.webp"]);
        let items = plan(&[root.path().join("in")], None, "png").expect("plan");
        assert_eq!(targets(&items, root.path()), ["in-cutout/a.png", "in-cutout/deep/b.png"]);
    }

    #[test]
    fn results_inside_the_folder_are_not_taken_for_pictures() {
        let root = tree(&["in/a.jpg", "in/out/a.png"]);
        let items = plan(&[root.path().join("in")], Some(&root.path().join("in/out")), "png");
        assert_eq!(items.expect("plan").len(), 1);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let root = tree(&["a.jpg", "a.bmp", "b.png", "empty/notes.txt", "file"]);
        let at = |name: &str| root.path().join(name);
        let refused = |inputs: &[PathBuf], output: Option<PathBuf>| {
            plan(inputs, output.as_deref(), "png").expect_err("refused").to_string()
        };
        assert!(refused(&[at("none.jpg")], None).contains("does not exist"));
        assert!(refused(&[at("empty")], None).contains("no pictures"));
        assert!(refused(&[at("a.jpg"), at("b.png")], Some("-".into())).contains("one picture"));
        assert!(refused(&[at("a.jpg"), at("b.png")], Some(at("file"))).contains("a folder"));
        assert!(refused(&[at("a.jpg"), at("a.bmp")], Some(at("o"))).contains("both become"));
        assert!(refused(&[at("b.png")], Some(at("b.png"))).contains("its own picture"));
    }
}
