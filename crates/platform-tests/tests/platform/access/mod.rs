//! Who may call what. The contracts declare it (`devmentor/access.proto`); every method and every route
//! is asked by everyone who could ask. Nothing is listed here, so a new one is tested with its first line.

mod bodies;
mod cast;
mod document;
mod grpc;
mod methods;
mod who;
mod writing;

use test_kit::{Answer, Platform};

use self::{
    cast::Cast,
    document::Operation,
    who::{Access, Outcome, Who},
};
use crate::contract::Contract;

#[tokio::test]
async fn every_route_lets_in_whom_the_document_names_and_nobody_else() {
    let platform = Platform::start().await;
    let operations = document::read(&platform).await;
    assert!(operations.len() > 40, "{} routes", operations.len());
    for operation in &operations {
        let is_admins = operation.pattern.starts_with("/api/admin/");
        let pattern = &operation.pattern;
        assert_eq!(operation.access.is_for_admins(), is_admins, "{pattern}");
    }
    let (mut cast, mut contract) = (Cast::on(&platform).await, Contract::written());
    for operation in &operations {
        let path = cast.fill(operation).await;
        // The owner of what the path names comes last: until then it has to be there.
        for who in Who::ALL {
            let answer = cast.ask(who, operation, &path).await;
            let told = format!("{who:?} {} {path}: {answer}", operation.method);
            contract.hold(operation.method.as_str(), &operation.pattern, &answer);
            if operation.access == Access::Anyone {
                assert_ne!(outcome(&answer), Outcome::Forbidden, "{told}");
            } else {
                assert_eq!(outcome(&answer), operation.access.expected(who), "{told}");
            }
            if operation.access.lets_in(who) {
                check_admitted(operation, who, &answer, &told);
            }
        }
    }
}

/// What the gateway answers by itself.
const WITHOUT_GRPC: [&str; 4] = [
    "/api/realtime/ws",
    "/api/me/limits",
    "/api/admin/streams",
    "/api/admin/dlq/{stream}",
];

#[test]
fn a_route_lets_in_whom_all_its_methods_let_in() {
    let methods = methods::all();
    for operation in document::written() {
        let route = format!("{} {}", operation.method, operation.pattern);
        if operation.grpc.is_empty() {
            let is_known = WITHOUT_GRPC.contains(&operation.pattern.as_str());
            assert!(is_known || operation.access == Access::Anyone, "{route}");
            continue;
        }
        let same = operation.grpc.iter().map(|name| {
            let method = methods.iter().find(|method| method.name == *name);
            let method = method.unwrap_or_else(|| panic!("{route} names {name}"));
            match method.to_others {
                Some(access) if operation.access.is_for_admins() => access,
                _ => method.access,
            }
        });
        let same: Vec<_> = same.collect();
        for who in Who::ALL {
            let by_grpc = same.iter().all(|access| access.lets_in(who));
            let by_rest = operation.access.lets_in(who);
            assert_eq!(by_rest, by_grpc, "{route} as {who:?}: {same:?}");
        }
    }
}

fn outcome(answer: &Answer) -> Outcome {
    Outcome::of(answer.body["code"].as_str())
}

/// Who is let in sees what is theirs, and never that there is something of somebody else.
#[track_caller]
fn check_admitted(operation: &Operation, who: Who, answer: &Answer, told: &str) {
    assert!(answer.status < 500, "{told}");
    let is_somebodys = operation.names_a_thing() && !operation.access.is_for_admins();
    match who {
        Who::Owner if is_somebodys => assert_ne!(answer.status, 404, "{told}"),
        _ if is_somebodys && operation.body.is_some() => {
            assert!(matches!(answer.status, 404 | 422), "{told}");
        }
        _ if is_somebodys => assert_eq!(answer.status, 404, "{told}"),
        _ => {}
    }
}
