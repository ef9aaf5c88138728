//! What was learned of a person.

use std::collections::BTreeMap;

use redis_contracts::Timestamp;
use rpc::learning::{GetProfileRequest, Profile};
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    Signed,
    call::Call,
    reply::{Answer, Plain},
};

/// A profile as its owner sees it.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "LearningProfile")]
pub(super) struct Learned {
    user_id: String,
    version: u64,
    style: BTreeMap<String, BTreeMap<String, f64>>,
    feedback_count: u64,
    average_rating: Option<f64>,
    updated_at: Option<Timestamp>,
}

/// Signed in: their own.
pub(super) async fn read(signed: Signed, call: Call) -> Answer<Plain<Learned>> {
    let request = signed.call(GetProfileRequest {});
    let mut learning = call.learning();
    let profile = learning.get_profile(request).await?.into_inner();
    Ok(Plain(Learned::from(profile)))
}

impl From<Profile> for Learned {
    fn from(profile: Profile) -> Self {
        let style = profile.style.into_iter().map(|dimension| {
            let choices = dimension.choices.into_iter();
            let shares = choices.map(|choice| (choice.name, choice.probability));
            (dimension.name, shares.collect())
        });
        Self {
            user_id: profile.user_id,
            version: profile.version,
            style: style.collect(),
            feedback_count: profile.feedback_count,
            average_rating: profile.average_rating,
            updated_at: profile.updated_at.as_ref().map(rpc::timestamp_from),
        }
    }
}
