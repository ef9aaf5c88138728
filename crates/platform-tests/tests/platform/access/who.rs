//! Who could ask, and whom a method or a route lets in.

/// Somebody, or nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Who {
    Nobody,
    /// A machine token of somebody who is no admin, with these scopes.
    Token(&'static [&'static str]),
    /// A person to whom nothing belongs.
    Stranger,
    Admin,
    /// A machine token of an admin, with these scopes.
    AdminsToken(&'static [&'static str]),
    /// The person to whom belongs what paths name.
    Owner,
}

impl Who {
    pub(super) const ALL: [Self; 15] = [
        Self::Nobody,
        Self::Token(&["read"]),
        Self::Token(&["write"]),
        Self::Token(&["read", "write"]),
        // Its person was an admin once.
        Self::Token(&["read", "write", "admin"]),
        Self::Stranger,
        Self::Admin,
        Self::AdminsToken(&["read"]),
        Self::AdminsToken(&["write"]),
        Self::AdminsToken(&["admin"]),
        Self::AdminsToken(&["read", "write"]),
        Self::AdminsToken(&["read", "admin"]),
        Self::AdminsToken(&["write", "admin"]),
        Self::AdminsToken(&["read", "write", "admin"]),
        Self::Owner,
    ];

    pub(super) fn is_admin(self) -> bool {
        matches!(self, Self::Admin | Self::AdminsToken(_))
    }

    /// None for a person.
    pub(super) fn scopes(self) -> Option<&'static [&'static str]> {
        match self {
            Self::Token(scopes) | Self::AdminsToken(scopes) => Some(scopes),
            Self::Nobody | Self::Stranger | Self::Admin | Self::Owner => None,
        }
    }

    fn may(self, scope: &str) -> bool {
        self.scopes().is_none_or(|scopes| scopes.contains(&scope))
    }
}

/// As `devmentor/access.proto` has it. A route says the same in its words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    Anyone,
    SignedIn,
    Read,
    Write,
    ReadAndWrite,
    Person,
    AdminRead,
    AdminWrite,
    AdminPerson,
}

impl Access {
    /// Of a method's option.
    pub(super) fn from_option(name: &str) -> Option<Self> {
        Some(match name {
            "ANYONE" => Self::Anyone,
            "SIGNED_IN" => Self::SignedIn,
            "READ" => Self::Read,
            "WRITE" => Self::Write,
            "READ_AND_WRITE" => Self::ReadAndWrite,
            "PERSON" => Self::Person,
            "ADMIN_READ" => Self::AdminRead,
            "ADMIN_WRITE" => Self::AdminWrite,
            "ADMIN_PERSON" => Self::AdminPerson,
            _ => return None,
        })
    }

    /// Of a route's `x-access`.
    pub(super) fn from_document(name: &str, is_safe: bool) -> Option<Self> {
        Some(match (name, is_safe) {
            ("anyone", _) => Self::Anyone,
            ("signed_in", true) => Self::Read,
            ("signed_in", false) => Self::Write,
            ("read_and_write", _) => Self::ReadAndWrite,
            ("person", _) => Self::Person,
            ("admin", true) => Self::AdminRead,
            ("admin", false) => Self::AdminWrite,
            ("admin_in_person", _) => Self::AdminPerson,
            _ => return None,
        })
    }

    pub(super) fn is_for_admins(self) -> bool {
        matches!(self, Self::AdminRead | Self::AdminWrite | Self::AdminPerson)
    }

    pub(super) fn lets_in(self, who: Who) -> bool {
        match self {
            Self::Anyone => true,
            _ if who == Who::Nobody => false,
            Self::SignedIn => true,
            Self::Read => who.may("read"),
            Self::Write => who.may("write"),
            Self::ReadAndWrite => who.may("read") && who.may("write"),
            Self::Person => who.scopes().is_none(),
            Self::AdminRead => who.is_admin() && who.may("admin") && who.may("read"),
            Self::AdminWrite => who.is_admin() && who.may("admin") && who.may("write"),
            Self::AdminPerson => who == Who::Admin,
        }
    }

    pub(super) fn expected(self, who: Who) -> Outcome {
        match who {
            _ if self.lets_in(who) => Outcome::Admitted,
            Who::Nobody => Outcome::Unauthenticated,
            _ => Outcome::Forbidden,
        }
    }
}

/// How a caller is answered.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Unauthenticated,
    Forbidden,
    /// Whatever became of it then.
    Admitted,
}

impl Outcome {
    /// Of a problem's code.
    pub(super) fn of(code: Option<&str>) -> Self {
        match code {
            Some("unauthenticated" | "session_ended") => Self::Unauthenticated,
            Some("forbidden") => Self::Forbidden,
            _ => Self::Admitted,
        }
    }
}
