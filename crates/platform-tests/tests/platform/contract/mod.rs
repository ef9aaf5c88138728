//! The document is true: each operation answers as it says, with nothing beside, and there is nothing in it
//! that no answer has.

mod accounts;
mod asking;
mod document;
mod mentor;
mod operators;
mod refusals;
mod work;

use std::collections::BTreeSet;

use serde_json::Value;
use sqlx::Connection;
use test_kit::{MailServer, Platform};

pub(crate) use self::document::Contract;

/// Properties that are seen without a value only.
const WITHOUT_A_VALUE: [&str; 5] = [
    // An import that fails on its way: `import.rs` has one.
    "ImportLine.problem",
    // Noted after a quarter of an hour of use.
    "MachineToken.last_used_at",
    "MadeMachineToken.last_used_at",
    // Lists that are never cut.
    "PageOfMachineToken.next_cursor",
    "PageOfSession.next_cursor",
];

#[tokio::test]
async fn every_answer_is_in_the_document_and_all_of_the_document_is_in_answers() {
    let inbox = MailServer::start().await;
    let mail = inbox.url();
    let platform = Platform::builder().set("mail.url", &mail);
    let mut platform = platform.start().await;
    let mut contract = Contract::written();
    accounts::tell(&mut contract, &platform, &inbox).await;
    work::tell(&mut contract, &platform).await;
    mentor::tell(&mut contract, &platform).await;
    operators::tell(&mut contract, &platform).await;
    refusals::tell(&mut contract, &mut platform).await;

    let whole = contract.whole();
    let seen = &contract.seen;
    assert_eq!(unseen(&whole.answers, &seen.answers), [""; 0]);
    assert_eq!(unseen(&whole.codes, &seen.codes), [""; 0]);
    assert_eq!(unseen(&whole.properties, &seen.properties), WITHOUT_A_VALUE);
}

fn text(of: &Value, pointer: &str) -> String {
    let text = of.pointer(pointer).and_then(Value::as_str);
    text.unwrap_or_else(|| panic!("{pointer}: {of}")).to_owned()
}

fn unseen(whole: &BTreeSet<String>, seen: &BTreeSet<String>) -> Vec<String> {
    whole.difference(seen).cloned().collect()
}

/// Changes what a service has stored.
async fn sql(platform: &Platform, service: &str, statement: &'static str) {
    let url = format!("sqlite://{}/{service}.db", platform.data_dir().display());
    let database = sqlx::SqliteConnection::connect(&url).await;
    let mut database = database.expect("a database");
    let changed = sqlx::query(statement).execute(&mut database).await;
    assert_ne!(changed.expect("a statement").rows_affected(), 0);
}
