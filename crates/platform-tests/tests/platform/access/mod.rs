//! Who may call what: every route of the document that the gateway serves, asked by everyone who could
//! ask. Nothing is listed here, so a new route is tested with its first line in the table.

mod bodies;
mod cast;
mod document;

use test_kit::{Answer, Platform};

use self::{
    cast::{Cast, Who},
    document::{Access, Operation},
};

/// How a caller is answered.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Unauthenticated,
    Forbidden,
    Admitted,
}

#[tokio::test]
async fn every_route_lets_in_whom_the_document_names_and_nobody_else() {
    let platform = Platform::start().await;
    let operations = document::read(&platform).await;
    assert!(operations.len() > 40, "{} routes", operations.len());
    for operation in &operations {
        let is_admins = operation.pattern.starts_with("/api/admin/");
        let pattern = &operation.pattern;
        assert_eq!(operation.access == Access::Admin, is_admins, "{pattern}");
    }
    let mut cast = Cast::on(&platform).await;
    for operation in &operations {
        let path = cast.fill(operation).await;
        // The owner of what the path names comes last: until then it has to be there.
        for who in Who::ALL {
            let answer = cast.ask(who, operation, &path).await;
            let told = format!("{who:?} {} {path}: {answer}", operation.method);
            let expected = expected(operation, who);
            assert_eq!(outcome(&answer), expected, "{told}");
            if expected == Outcome::Admitted {
                check_admitted(operation, who, &answer, &told);
            }
        }
    }
}

fn expected(operation: &Operation, who: Who) -> Outcome {
    let admitted = match (operation.access, who) {
        (Access::Anyone, _) => true,
        (_, Who::Nobody) => return Outcome::Unauthenticated,
        (Access::SignedIn, Who::ReadToken) => operation.is_safe(),
        (Access::SignedIn, _) => true,
        (Access::Person, who) => !who.is_machine(),
        (Access::Admin, who) => matches!(who, Who::Admin | Who::AdminsAdminToken),
    };
    if admitted {
        Outcome::Admitted
    } else {
        Outcome::Forbidden
    }
}

fn outcome(answer: &Answer) -> Outcome {
    match (answer.status, answer.body["code"].as_str()) {
        (401, Some("unauthenticated" | "session_ended")) => Outcome::Unauthenticated,
        (403, Some("forbidden")) => Outcome::Forbidden,
        _ => Outcome::Admitted,
    }
}

/// Who is let in sees what is theirs, and never that there is something of somebody else.
#[track_caller]
fn check_admitted(operation: &Operation, who: Who, answer: &Answer, told: &str) {
    assert!(answer.status < 500, "{told}");
    let is_somebodys = operation.names_a_thing() && operation.access != Access::Admin;
    match who {
        Who::Owner if is_somebodys => assert_ne!(answer.status, 404, "{told}"),
        _ if is_somebodys && operation.body.is_some() => {
            assert!(matches!(answer.status, 404 | 422), "{told}");
        }
        _ if is_somebodys => assert_eq!(answer.status, 404, "{told}"),
        _ => {}
    }
}
