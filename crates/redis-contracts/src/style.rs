//! How a reply can be written: a choice in each of a few dimensions.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Deserializer, Serialize, de};

/// One way in which replies differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Dimension {
    /// Its name.
    pub name: &'static str,
    /// What can be chosen.
    pub choices: &'static [&'static str],
}

/// All dimensions, by name.
pub const DIMENSIONS: &[Dimension] = &[
    Dimension {
        name: "form",
        choices: &["example", "explanation", "steps"],
    },
    Dimension {
        name: "tone",
        choices: &["direct", "supportive"],
    },
    Dimension {
        name: "verbosity",
        choices: &["concise", "detailed"],
    },
];

/// Choices by dimension. What is not in [`DIMENSIONS`] cannot be in a style; a dimension may be left
/// out by those who do not choose in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Style(BTreeMap<&'static str, &'static str>);

/// A dimension or choice that there is not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownStyle(String);

impl fmt::Display for UnknownStyle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for UnknownStyle {}

impl Style {
    /// Chooses in a dimension.
    pub fn choose(&mut self, dimension: &str, choice: &str) -> Result<(), UnknownStyle> {
        let known = DIMENSIONS.iter().find(|known| known.name == dimension);
        let known = known.ok_or_else(|| UnknownStyle(format!("style has no `{dimension}`")))?;
        let chosen = known.choices.iter().find(|known| **known == choice);
        let chosen = chosen.ok_or_else(|| {
            UnknownStyle(format!(
                "style.{dimension} is one of {}",
                known.choices.join(", ")
            ))
        })?;
        self.0.insert(known.name, chosen);
        Ok(())
    }

    /// The choice in a dimension.
    pub fn get(&self, dimension: &str) -> Option<&'static str> {
        self.0.get(dimension).copied()
    }

    /// Dimension and choice, by dimension.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        self.0
            .iter()
            .map(|(dimension, choice)| (*dimension, *choice))
    }
}

impl<'de> Deserialize<'de> for Style {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let choices = BTreeMap::<String, String>::deserialize(deserializer)?;
        let mut style = Self::default();
        for (dimension, choice) in &choices {
            style.choose(dimension, choice).map_err(de::Error::custom)?;
        }
        Ok(style)
    }
}
