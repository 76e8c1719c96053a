//! The plans file: what is on offer, validated before anything starts. An
//! account keeps its plan's name; what the name means stands only here.

use std::collections::HashSet;

use serde::Deserialize;

use crate::{
    clock::Moment,
    store::Account,
    window::{CalendarMonth, Window},
};

/// The embedded plans file.
pub const DEFAULTS: &str = include_str!("../plans.toml");

/// The plans file cannot be used; the text names the plan and the key.
#[derive(Debug, thiserror::Error)]
pub enum PlansError {
    /// It is no such file.
    #[error("plans file: {0}")]
    Syntax(#[from] toml::de::Error),
    /// It parses but makes no sense.
    #[error("plans file: {0}")]
    Rejected(String),
}

/// What an account gets a billing window.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// The name customers see.
    pub name: String,
    /// Included credits a window.
    pub credits: u32,
    /// Requests a minute.
    pub rate: u32,
    /// The Stripe price that subscribes to it.
    #[serde(default)]
    pub price: Option<String>,
    /// Whether accounts without a subscription have it.
    #[serde(default)]
    pub default: bool,
    /// Whether the account of the first start has it.
    #[serde(default)]
    pub owner: bool,
}

/// Prepaid credits sold at once.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pack {
    /// The name customers see.
    pub name: String,
    /// How many credits.
    pub credits: u32,
    /// The one-time Stripe price.
    pub price: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    plan: Vec<Plan>,
    #[serde(default)]
    pack: Vec<Pack>,
}

/// Everything on offer.
#[derive(Debug, Clone)]
pub struct Plans {
    plans: Vec<Plan>,
    packs: Vec<Pack>,
    default: usize,
    owner: usize,
}

/// What an account may use now: its plan and the window it is counted over.
#[derive(Debug, Clone, Copy)]
pub struct Standing<'p> {
    /// The plan in force.
    pub plan: &'p Plan,
    /// The window in force.
    pub window: Window,
}

impl Plans {
    /// Parses and validates a plans file.
    ///
    /// # Errors
    /// [`PlansError`] naming what is wrong.
    pub fn parse(text: &str) -> Result<Self, PlansError> {
        let File { plan: plans, pack: packs } = toml::from_str(text)?;
        let default = only(&plans, "default", |plan| plan.default)?;
        let owner = only(&plans, "owner", |plan| plan.owner)?;
        unique("name", plans.iter().map(|p| &p.name).chain(packs.iter().map(|p| &p.name)))?;
        let prices = plans.iter().filter_map(|p| p.price.as_ref());
        unique("price", prices.chain(packs.iter().map(|p| &p.price)))?;
        for plan in &plans {
            require(plan.rate > 0, &plan.name, "rate must be at least 1")?;
        }
        for pack in &packs {
            require(pack.credits > 0, &pack.name, "credits must be at least 1")?;
        }
        Ok(Self { plans, packs, default, owner })
    }

    /// The plan of an account without a subscription.
    #[must_use]
    pub fn default_plan(&self) -> &Plan {
        &self.plans[self.default]
    }

    /// The plan of the account of the first start.
    #[must_use]
    pub fn owner_plan(&self) -> &Plan {
        &self.plans[self.owner]
    }

    /// A plan by name.
    #[must_use]
    pub fn plan(&self, name: &str) -> Option<&Plan> {
        self.plans.iter().find(|plan| plan.name == name)
    }

    /// The plan that a Stripe price subscribes to.
    #[must_use]
    pub fn plan_of_price(&self, price: &str) -> Option<&Plan> {
        self.plans.iter().find(|plan| plan.price.as_deref() == Some(price))
    }

    /// A pack by name.
    #[must_use]
    pub fn pack(&self, name: &str) -> Option<&Pack> {
        self.packs.iter().find(|pack| pack.name == name)
    }

    /// The pack that a Stripe price buys.
    #[must_use]
    pub fn pack_of_price(&self, price: &str) -> Option<&Pack> {
        self.packs.iter().find(|pack| pack.price == price)
    }

    /// Every plan's name, for messages.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.plans.iter().map(|plan| plan.name.as_str())
    }

    /// What an account may use at a moment. A subscription that was to end with
    /// its window has ended with it, even where Stripe's word is late; a plan
    /// that the file no longer knows counts as the default one.
    #[must_use]
    pub fn standing(&self, account: &Account, now: Moment) -> Standing<'_> {
        let period = account.period().filter(|_| !account.has_lapsed(now));
        let plan = if account.has_lapsed(now) { None } else { self.plan(&account.plan) };
        Standing {
            plan: plan.unwrap_or_else(|| self.default_plan()),
            window: period.unwrap_or_else(|| CalendarMonth::of(now).window()),
        }
    }
}

fn only(plans: &[Plan], key: &str, is: impl Fn(&Plan) -> bool) -> Result<usize, PlansError> {
    let mut found = plans.iter().enumerate().filter(|(_, plan)| is(plan)).map(|(at, _)| at);
    match (found.next(), found.next()) {
        (Some(at), None) => Ok(at),
        _ => Err(PlansError::Rejected(format!("exactly one plan must have {key} = true"))),
    }
}

fn unique<'t>(key: &str, values: impl Iterator<Item = &'t String>) -> Result<(), PlansError> {
    let mut seen = HashSet::new();
    for value in values {
        require(!value.trim().is_empty(), value, &format!("{key} must not be empty"))?;
        require(seen.insert(value), value, &format!("{key} stands twice"))?;
    }
    Ok(())
}

fn require(holds: bool, name: &str, reason: &str) -> Result<(), PlansError> {
    if holds { Ok(()) } else { Err(PlansError::Rejected(format!("{name:?}: {reason}"))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_file_is_valid() {
        let plans = Plans::parse(DEFAULTS).expect("valid");
        assert_eq!(plans.default_plan().name, "Free");
        assert_eq!(plans.owner_plan().name, "Owner");
        assert_eq!(plans.plan("Premium-20000").map(|plan| plan.credits), Some(20_000));
        assert_eq!(plans.plan_of_price("price_starter_monthly").map(|p| &*p.name), Some("Starter"));
    }

    #[test]
    fn mistakes_are_named() {
        let free = "[[plan]]\nname='Free'\ncredits=1\nrate=1\ndefault=true\nowner=true\n";
        for (file, complaint) in [
            (String::new(), "plan"),
            (free.replace("owner=true\n", ""), "owner = true"),
            (free.replace("rate=1", "rate=0"), "rate must be"),
            (free.replace("rate=1", "rate=-1"), "rate"),
            (free.replace("rate=1", "speed=1"), "speed"),
            (format!("{free}[[plan]]\nname='Free'\ncredits=1\nrate=1\n"), "twice"),
            (format!("{free}[[pack]]\nname='P'\ncredits=0\nprice='p'\n"), "credits must be"),
        ] {
            let error = Plans::parse(&file).expect_err(&file).to_string();
            assert!(error.contains(complaint), "{error}");
        }
    }
}
