//! A refresh while many sign in: whoever has a session does not wait for those who hash passwords.

use std::time::Duration;

use test_kit::Platform;

use crate::{
    accounts::{Account, Refreshing, SigningIn},
    load::{Load, Sample},
    plan::Plan,
    report::{Expected, Report, progress},
    rounds::Rounds,
};

/// Sessions that are renewed at the same time.
const SESSIONS: usize = 4;

/// Sign-ins at the same time: more than can wait.
const STORM: usize = 100;

/// The storm begins before it is looked at.
const RISING: Duration = Duration::from_millis(200);

pub async fn run(plan: &Plan) -> anyhow::Result<Report> {
    let platform = Platform::start().await;
    let account = Account::register(&platform).await?;
    let mut refreshing = Refreshing::load(&account, SESSIONS).await?;
    let signing_in = || SigningIn(account.clone());
    let mut storm = Load::new(std::iter::repeat_with(signing_in).take(STORM).collect());

    refreshing.round(plan.round() / 2).await?; // warm
    let (mut calm, mut stormy, mut sign_ins) = Default::default();
    for round in plan.rounds() {
        Rounds::add(&mut calm, &refreshing.round(plan.round()).await?, 1.0);
        let (refreshed, signed_in) = in_storm(&mut refreshing, &mut storm, plan.round()).await?;
        Rounds::add(&mut stormy, &refreshed, 1.0);
        Rounds::add(&mut sign_ins, &signed_in, 1.0);
        progress(&format!("  round {round}"));
    }
    let (calm, stormy) = (
        calm.figures("refresh, calm"),
        stormy.figures("refresh, in a storm"),
    );
    let sign_ins = sign_ins.figures("sign-ins answered in the storm");
    let mut report = Report::default();
    report.row(&stormy.p99, &calm.p99, Some(Expected::RatioAtMost(3.0)));
    report.row(&stormy.p50, &calm.p50, None);
    report.row(&stormy.rate, &calm.rate, None);
    report.row(&sign_ins.rate, &stormy.rate, None);
    Ok(report)
}

async fn in_storm(
    refreshing: &mut Load<Refreshing>,
    storm: &mut Load<SigningIn>,
    length: Duration,
) -> anyhow::Result<(Sample, Sample)> {
    let refreshed = async {
        tokio::time::sleep(RISING).await;
        refreshing.round(length).await
    };
    tokio::try_join!(refreshed, storm.round(RISING + length))
}
