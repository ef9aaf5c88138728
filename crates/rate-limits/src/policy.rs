//! The limits of the platform, as one table. A policy says how much, over what time, for whom, and
//! what counts while Redis is away.

use std::time::Duration;

/// Over what a policy counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
    /// A window that slides (GCRA): all of it at once, then evenly.
    Sliding(Duration),
    /// A day, UTC; then it begins anew.
    Day,
    /// A month, UTC; then it begins anew.
    Month,
}

/// How much a policy allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allows {
    /// So many times `limits.auth_per_minute`.
    AuthPerMinute(u64),
    /// `limits.api_per_minute`.
    ApiPerMinute,
    /// So many, whatever the settings.
    Fixed(u64),
}

/// Whom a policy counts for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counts {
    /// A client's address; an IPv6 one by its /64.
    Address,
    /// All addresses of a network: a /24, or an IPv6 /48.
    Network,
    /// An account, from one origin: a known device, else a network.
    AccountFromOrigin,
    /// An account, from one network: a /24, or an IPv6 /48.
    AccountFromNetwork,
    /// An account, from all unknown origins together.
    Account,
    /// A person, in all their sessions; apart from these, all their machine tokens, so that one that has
    /// leaked cannot keep its owner from revoking it.
    Person,
}

/// What a policy does while Redis is away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenAway {
    /// Each process counts for itself, on from what it has seen so far.
    CountLocally,
    /// It passes; a process refuses only what is too much for it alone.
    Pass,
}

/// A limit.
#[derive(Debug, PartialEq, Eq)]
pub struct Policy {
    /// Its name, in keys and headers.
    pub name: &'static str,
    /// What it limits, for people.
    pub limits: &'static str,
    /// Whom it counts for.
    pub counts: Counts,
    /// How much.
    pub allows: Allows,
    /// Over what.
    pub window: Window,
    /// Without Redis.
    pub when_away: WhenAway,
}

const MINUTE: Window = Window::Sliding(Duration::from_secs(60));
const HOUR: Window = Window::Sliding(Duration::from_secs(3600));

macro_rules! policies {
    ($($id:ident = $name:literal, $counts:ident, $allows:expr, $window:expr, $when_away:ident, $limits:literal;)+) => {
        $(
            #[doc = $limits]
            pub const $id: &Policy = &Policy {
                name: $name,
                limits: $limits,
                counts: Counts::$counts,
                allows: $allows,
                window: $window,
                when_away: WhenAway::$when_away,
            };
        )+

        /// Every policy.
        pub const POLICIES: &[&Policy] = &[$($id),+];
    };
}

use Allows::{ApiPerMinute, AuthPerMinute, Fixed};
use Window::{Day, Month};

policies! {
    AUTH_ADDRESS = "auth_address", Address, AuthPerMinute(1), MINUTE, CountLocally,
        "sign-ins, registrations and password resets of an address";
    AUTH_NETWORK = "auth_network", Network, AuthPerMinute(10), MINUTE, CountLocally,
        "sign-ins, registrations and password resets of a network";
    AUTH_ACCOUNT = "auth_account", AccountFromOrigin, AuthPerMinute(1), MINUTE, CountLocally,
        "sign-ins and password resets of an account from one device or network";
    AUTH_UNKNOWN = "auth_unknown", Account, AuthPerMinute(12), HOUR, CountLocally,
        "sign-ins to an account from devices it does not know";
    AUTH_SPARE = "auth_spare", AccountFromNetwork, Fixed(1), HOUR, CountLocally,
        "sign-ins to an account from unknown devices of one network, once the limit of all is used up";
    AUTH_SPARE_ALL = "auth_spare_all", Account, AuthPerMinute(120), HOUR, CountLocally,
        "sign-ins to an account from unknown devices of all networks, once their own limit is used up";
    CODE_DAY = "code_day", Account, Fixed(30), Day, CountLocally,
        "wrong codes to an account in a day from devices it does not know";
    REGISTER_DAY = "register_day", Address, AuthPerMinute(20), Day, CountLocally,
        "accounts made from an address in a day";
    MAIL_DAY = "mail_day", Address, AuthPerMinute(20), Day, CountLocally,
        "mails asked for from an address in a day";
    MAIL_MONTH = "mail_month", Address, AuthPerMinute(100), Month, CountLocally,
        "mails asked for from an address in a month";
    API = "api", Person, ApiPerMinute, MINUTE, Pass,
        "API requests of a person, or of all their machine tokens";
}

impl Policy {
    /// How much it allows under these settings.
    pub const fn allowed(&self, auth_per_minute: u64, api_per_minute: u64) -> u64 {
        match self.allows {
            Allows::AuthPerMinute(times) => auth_per_minute.saturating_mul(times),
            Allows::ApiPerMinute => api_per_minute,
            Allows::Fixed(most) => most,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_unique_and_fit_keys_and_headers() {
        let names: BTreeSet<_> = POLICIES.iter().map(|policy| policy.name).collect();
        assert_eq!(names.len(), POLICIES.len());
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
        assert!(names.iter().all(|name| name.bytes().all(plain)));
    }
}
