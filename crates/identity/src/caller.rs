//! Somebody whose token and session are good.

use std::{fmt, sync::Arc};

use redis_contracts::{
    Timestamp,
    keys::{Scope, SessionRecord},
    resource::User,
};
use service_kit::{Code, Problem};
use uuid::Uuid;

use super::{machine::MachineToken, token::Verified};

/// The role of who runs the platform.
pub const ADMIN: &str = "admin";

/// A person with a live session, or a program with a machine token of theirs. Cheap to clone.
#[derive(Clone)]
pub struct Caller {
    /// Their session, or their machine token.
    pub session_id: Uuid,
    /// What they showed, to call other services on their behalf.
    pub token: Arc<str>,
    session: Arc<SessionRecord>,
}

impl Caller {
    pub(super) fn new(session_id: Uuid, token: &str, session: Arc<SessionRecord>) -> Self {
        Self {
            session_id,
            token: token.into(),
            session,
        }
    }

    /// The same, as their session is now.
    pub(super) fn with(&self, session: Arc<SessionRecord>) -> Self {
        Self {
            session,
            ..self.clone()
        }
    }

    /// Who they are.
    pub fn user(&self) -> &User {
        &self.session.user
    }

    /// When they signed in, or the machine token was made.
    pub fn signed_in_at(&self) -> Timestamp {
        self.session.created_at
    }

    /// When the session ends unless it is used; when the machine token ends.
    pub fn expires_at(&self) -> Timestamp {
        self.session.expires_at
    }

    /// Whether a machine token was shown, and not a sign-in.
    pub fn is_machine(&self) -> bool {
        self.session.machine.is_some()
    }

    /// What they may do: a person everything that their roles allow.
    pub fn scopes(&self) -> &[Scope] {
        match &self.session.machine {
            Some(access) => &access.scopes,
            None => &Scope::ALL,
        }
    }

    /// Refuses a machine token that was not given this scope.
    pub fn require(&self, scope: Scope) -> Result<(), Problem> {
        if self.scopes().contains(&scope) {
            return Ok(());
        }
        Err(Problem::new(
            Code::Forbidden,
            format!(
                "This takes a machine token with the scope {}; make one that has it.",
                scope.name()
            ),
        ))
    }

    /// Whether they have this role. What takes the role admin takes the scope admin as well.
    pub fn has_role(&self, role: &str) -> bool {
        let held = self.user().roles.iter().any(|held| held == role);
        held && (role != ADMIN || self.scopes().contains(&Scope::Admin))
    }

    pub(super) fn last_seen(&self) -> Timestamp {
        self.session.last_seen
    }

    pub(super) fn holder(&self) -> Option<Holder> {
        if self.is_machine() {
            return MachineToken::parse(&self.token).map(Holder::Machine);
        }
        Some(Holder::Person {
            session_id: self.session_id,
            user_id: self.user().id,
        })
    }
}

/// The token is a secret.
impl fmt::Debug for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Caller")
            .field("session_id", &self.session_id)
            .field("user_id", &self.user().id)
            .finish_non_exhaustive()
    }
}

/// What a token says of its holder, before their session was looked at.
#[derive(Clone, Copy)]
pub(super) enum Holder {
    /// An access token of ours.
    Person { session_id: Uuid, user_id: Uuid },
    /// What has the form of a machine token.
    Machine(MachineToken),
}

impl From<Verified> for Holder {
    fn from(verified: Verified) -> Self {
        Self::Person {
            session_id: verified.session_id,
            user_id: verified.user_id,
        }
    }
}

impl Holder {
    pub(super) const fn id(&self) -> Uuid {
        match self {
            Self::Person { session_id, .. } => *session_id,
            Self::Machine(token) => token.id(),
        }
    }

    /// Refuses a session that is another's, or has ended.
    pub(super) fn enter(&self, session: &SessionRecord, now: Timestamp) -> Result<(), Problem> {
        let lives = session.ended_at.is_none() && session.expires_at > now;
        match (self, &session.machine) {
            (Self::Person { user_id, .. }, None) if lives && session.user.id == *user_id => Ok(()),
            (Self::Machine(token), Some(access)) if token.opens(access) && lives => Ok(()),
            _ => Err(self.refused()),
        }
    }

    pub(super) fn refused(&self) -> Problem {
        match self {
            Self::Person { .. } => ended(),
            Self::Machine(_) => MachineToken::refused(),
        }
    }
}

pub(super) fn ended() -> Problem {
    Problem::new(Code::SessionEnded, "The session has ended; sign in again.")
}

#[cfg(test)]
mod tests {
    use redis_contracts::keys::MachineAccess;

    use super::*;

    fn session(scopes: Option<&[Scope]>) -> SessionRecord {
        let now = Timestamp::now();
        SessionRecord {
            version: 1,
            user: User {
                id: Uuid::now_v7(),
                email: "reader@example.com".to_owned(),
                handle: "reader".to_owned(),
                roles: vec!["user".to_owned(), ADMIN.to_owned()],
                email_verified: true,
                pending_email: None,
                second_factor: false,
                created_at: now,
            },
            created_at: now,
            expires_at: now.plus_seconds(60),
            last_seen: now,
            ended_at: None,
            agent: String::new(),
            address: String::new(),
            machine: scopes.map(|scopes| MachineAccess {
                sha256: "00".repeat(32),
                scopes: scopes.to_vec(),
            }),
        }
    }

    fn caller(scopes: Option<&[Scope]>) -> Caller {
        Caller::new(Uuid::now_v7(), "secret", Arc::new(session(scopes)))
    }

    #[test]
    fn a_person_may_do_all_that_their_roles_allow() {
        let person = caller(None);
        assert!(!person.is_machine());
        for scope in Scope::ALL {
            assert_eq!(person.require(scope), Ok(()));
        }
        assert!(person.has_role(ADMIN) && !person.has_role("other"));
    }

    #[test]
    fn a_machine_token_may_do_what_its_scopes_say() {
        for scopes in [&[][..], &[Scope::Read], &[Scope::Write, Scope::Admin]] {
            let machine = caller(Some(scopes));
            assert!(machine.is_machine());
            for scope in Scope::ALL {
                let allowed = machine.require(scope);
                assert_eq!(allowed.is_ok(), scopes.contains(&scope), "{scopes:?}");
                if let Err(problem) = allowed {
                    assert_eq!(problem.code, Code::Forbidden);
                    assert!(problem.detail.contains(scope.name()), "{problem}");
                }
            }
            assert_eq!(machine.has_role(ADMIN), scopes.contains(&Scope::Admin));
            assert!(machine.has_role("user"));
        }
    }

    #[test]
    fn an_access_token_does_not_open_what_a_machine_token_does() {
        let (own, machines) = (session(None), session(Some(&Scope::ALL)));
        let holder = |session: &SessionRecord| Holder::Person {
            session_id: Uuid::now_v7(),
            user_id: session.user.id,
        };
        let now = Timestamp::now();
        assert_eq!(holder(&own).enter(&own, now), Ok(()));
        assert_eq!(holder(&machines).enter(&machines, now), Err(ended()));
        assert_eq!(
            holder(&machines).enter(&own, now),
            Err(ended()),
            "another's"
        );
        assert_eq!(
            holder(&own).enter(&own, own.expires_at),
            Err(ended()),
            "over"
        );
        let over = SessionRecord {
            ended_at: Some(now),
            ..own
        };
        assert_eq!(holder(&over).enter(&over, now), Err(ended()));
    }

    #[test]
    fn no_secret_is_shown() {
        let shown = format!("{:?}", caller(Some(&Scope::ALL)));
        assert!(
            !shown.contains("secret") && !shown.contains("0000"),
            "{shown}"
        );
    }
}
