//! What an account may look like.

use redis_contracts::{Timestamp, resource::User};
use service_kit::{Checker, Code, Problem};
use unicode_normalization::UnicodeNormalization;
use uuid::Uuid;

pub use identity::ADMIN;

/// The role everyone has.
pub const USER: &str = "user";

/// Longest address, RFC 5321.
const LONGEST_EMAIL: usize = 254;

/// What is expected of the fields.
const EMAIL: &str =
    "an address such as name@example.com, in plain letters; a domain of others as xn--...";
const HANDLE: &str = "3 to 32 small letters, digits, - and _; a letter or digit first";
const PASSWORD: &str = "8 to 256 characters";

/// Handles that would pass for the platform's own word, or mean everyone.
const RESERVED: [&str; 24] = [
    "admin",
    "administrator",
    "all",
    "api",
    "devmentor",
    "everyone",
    "ghost",
    "help",
    "here",
    "hostmaster",
    "mentor",
    "moderator",
    "nobody",
    "noreply",
    "null",
    "postmaster",
    "root",
    "security",
    "staff",
    "support",
    "sysadmin",
    "system",
    "undefined",
    "webmaster",
];

const PASSWORD_LENGTH: std::ops::RangeInclusive<usize> = 8..=256;

/// A checked request for an account.
#[derive(Debug, PartialEq, Eq)]
pub struct NewAccount {
    /// Address as it is compared.
    pub email: String,
    /// Handle.
    pub handle: String,
}

impl NewAccount {
    /// Checks all fields; what is wrong is told at once.
    pub fn check(email: &str, handle: &str, password: &str) -> Result<Self, Problem> {
        let account = Self::check_own(email, handle, password)?;
        match is_reserved(handle) {
            false => Ok(account),
            true => Err(handle_taken()),
        }
    }

    /// The same but for reserved handles: for an account of the platform's own, and where the answer does
    /// not say what is taken.
    pub fn check_own(email: &str, handle: &str, password: &str) -> Result<Self, Problem> {
        let email = comparable_email(email);
        let mut checker = Checker::default();
        if !is_new_email(&email) {
            checker.refuse("email", EMAIL);
        }
        if !is_handle(handle) {
            checker.refuse("handle", HANDLE);
        }
        if !is_password(password) {
            checker.refuse("password", PASSWORD);
        }
        checker.finish()?;
        let handle = handle.to_owned();
        Ok(Self { email, handle })
    }

    /// The account, made now.
    pub fn into_user(self, now: Timestamp, roles: Vec<String>) -> User {
        User {
            id: Uuid::now_v7(),
            email: self.email,
            handle: self.handle,
            roles,
            email_verified: false,
            pending_email: None,
            second_factor: false,
            created_at: now,
        }
    }
}

/// A new address as it is compared.
pub fn changed_email(email: &str) -> Result<String, Problem> {
    let email = comparable_email(email);
    match is_new_email(&email) {
        true => Ok(email),
        false => Err(Problem::invalid_field("email", EMAIL)),
    }
}

/// The handle of somebody who has this one: a reserved one may be kept, not taken.
pub fn changed_handle(handle: &str, held: &str) -> Result<String, Problem> {
    match is_handle(handle) {
        true if handle != held && is_reserved(handle) => Err(handle_taken()),
        true => Ok(handle.to_owned()),
        false => Err(Problem::invalid_field("handle", HANDLE)),
    }
}

/// Whether nobody may take a handle: it would pass for the platform's.
pub fn is_reserved(handle: &str) -> bool {
    RESERVED.contains(&handle)
}

/// Somebody has the handle, or nobody may.
pub fn handle_taken() -> Problem {
    Problem::new(Code::HandleTaken, "This handle is taken; choose another.")
}

/// A new password under the name of its field.
pub fn checked_password(field: &str, password: &str) -> Result<(), Problem> {
    match is_password(password) {
        true => Ok(()),
        false => Err(Problem::invalid_field(field, PASSWORD)),
    }
}

/// The address to look an account up by; none where no account can have it.
pub fn looked_up_email(email: &str) -> Option<String> {
    // Lower case may take fewer bytes; a far longer text is not even read.
    let email = (email.len() <= 4 * LONGEST_EMAIL).then(|| comparable_email(email));
    email.filter(|email| is_email(email))
}

/// The same, for a field that has to name an address.
pub fn named_email(email: &str) -> Result<String, Problem> {
    looked_up_email(email).ok_or_else(|| Problem::invalid_field("email", EMAIL))
}

/// The form in which addresses are stored and compared.
pub fn comparable_email(email: &str) -> String {
    // Last, because lower case may bring letters together that have a form of their own.
    email.trim().to_lowercase().nfc().collect()
}

/// What a new account may have: ASCII, so that no address hides a sign or looks like another. The atoms
/// of RFC 5321 without `%` and `?`, with which others are written in disguise, and names of hosts.
fn is_new_email(email: &str) -> bool {
    let atom = |text: &str| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$&'*+-/=^_`{|}~".contains(&byte);
        !text.is_empty() && text.bytes().all(plain)
    };
    let label = |text: &str| text.is_ascii() && text.len() <= 63;
    is_email(email)
        && email.split_once('@').is_some_and(|(local, domain)| {
            local.split('.').all(atom) && domain.split('.').all(label)
        })
}

/// What an account may have that was made when more was taken: one @ with something on both sides, no
/// blanks. Only a mail sent there proves more.
fn is_email(email: &str) -> bool {
    let Some((local, domain)) = email.split_once('@') else {
        return false;
    };
    let plain = |character: char| !character.is_whitespace() && !character.is_control();
    let labels = domain
        .split('.')
        .all(|label| !label.is_empty() && !label.starts_with('-') && !label.ends_with('-'));
    let host = |character: char| character.is_alphanumeric() || matches!(character, '.' | '-');
    email.len() <= LONGEST_EMAIL
        && !local.is_empty()
        && local.len() <= 64
        && local.chars().all(plain)
        && !local.contains(['<', '>', '"', ',', ';', ':', '\\', '(', ')', '[', ']'])
        && labels
        && domain.chars().all(host)
}

/// `[a-z0-9][a-z0-9_-]{2,31}`
fn is_handle(handle: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let mut bytes = handle.bytes();
    (3..=32).contains(&handle.len())
        && bytes.next().is_some_and(plain)
        && bytes.all(|byte| plain(byte) || matches!(byte, b'-' | b'_'))
}

/// 8 to 256 characters, whatever they are.
pub fn is_password(password: &str) -> bool {
    PASSWORD_LENGTH.contains(&password.chars().count())
}

/// Roles as they are stored: each once, `user` always among them.
pub fn checked_roles(roles: &[String]) -> Result<Vec<String>, Problem> {
    if let Some(unknown) = roles
        .iter()
        .find(|role| ![USER, ADMIN].contains(&role.as_str()))
    {
        let shown: String = unknown.chars().take(40).collect();
        return Err(Problem::invalid_field(
            "roles",
            format!("{USER} and {ADMIN}; {shown} is no role"),
        ));
    }
    let mut checked = vec![USER.to_owned()];
    if roles.iter().any(|role| role == ADMIN) {
        checked.push(ADMIN.to_owned());
    }
    Ok(checked)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn addresses() {
        for good in [
            "a@b.c",
            "Ann.B+x@example.org",
            " ann@example.org ",
            "ann@localhost",
            "admin@devmentor.local",
        ] {
            assert!(is_new_email(&comparable_email(good)), "{good}");
            assert_eq!(looked_up_email(good), changed_email(good).ok(), "{good}");
        }
        let long = format!("{}@example.org", "x".repeat(250));
        for bad in [
            "", "ann", "@b.c", "a@", "a b@c.d", "a@b@c.d", "a@b..c", "a@-b.c", "a\0@b.c",
            "<a>@b.c", &long,
        ] {
            assert!(
                looked_up_email(bad).is_none() && changed_email(bad).is_err(),
                "{bad}"
            );
        }
        assert_eq!(comparable_email(" Ann@Example.ORG "), "ann@example.org");
    }

    #[test]
    fn no_new_address_is_another_in_disguise_and_old_ones_are_still_found() {
        for odd in [
            "admin\u{200b}@example.org",
            "admin\u{202e}@example.org",
            "\u{430}dmin@example.org",
            "\u{ff41}dmin@example.org",
            "admin@ex\u{e4}mple.org",
            "admin@\u{435}xample.org",
            "admin@example\u{ff0e}org",
            "=?utf-8?q?x?=@example.org",
            "a%0d%0a@example.org",
            "victim%example.org@relay.test",
            "a..b@example.org",
            ".a@example.org",
            "a.@example.org",
        ] {
            let problem = changed_email(odd).expect_err(odd);
            assert_eq!(problem.errors[0].field, "email");
            assert!(NewAccount::check(odd, "ann", "a long passphrase").is_err());
        }
        for held in [
            "\u{e5}sa@example.org",
            "a%b@example.org",
            "ann@b\u{fc}cher.example",
        ] {
            assert_eq!(named_email(held).ok().as_deref(), Some(held));
        }
        let upper = changed_email("Ann@XN--BCHER-KVA.example");
        assert_eq!(upper.as_deref(), Ok("ann@xn--bcher-kva.example"));
    }

    #[test]
    fn a_reserved_handle_is_kept_and_not_taken() {
        let code = |problem: Problem| problem.code;
        for reserved in RESERVED {
            assert!(is_handle(reserved), "{reserved}");
            let check = |make: fn(&str, &str, &str) -> Result<NewAccount, Problem>| {
                make("a@b.c", reserved, "a long passphrase").map_err(code)
            };
            assert_eq!(check(NewAccount::check), Err(Code::HandleTaken));
            assert!(check(NewAccount::check_own).is_ok());
            let changed = |held| changed_handle(reserved, held).map_err(code);
            assert_eq!(changed("ann"), Err(Code::HandleTaken));
            assert_eq!(changed(reserved), Ok(reserved.to_owned()));
        }
        assert!(changed_handle("rooted", "ann").is_ok());
    }

    proptest! {
        #[test]
        fn a_new_address_is_plain(local in "\\PC{1,8}|[a-z.%?=]{1,8}", domain in "\\PC{1,8}|[a-z.-]{1,8}|xn--[a-z0-9-]{1,8}") {
            let email = format!("{local}@{domain}");
            if let Ok(taken) = changed_email(&email) {
                prop_assert!(taken.bytes().all(|byte| byte.is_ascii_graphic()));
                prop_assert!(!taken.contains(['%', '?', '"', '<', '>', ',', ';', ':']));
                prop_assert_eq!(looked_up_email(&email), Some(taken));
            }
        }

        #[test]
        fn an_address_is_compared_in_one_form(email in ".{0,40}(@.{0,40})?") {
            let once = comparable_email(&email);
            prop_assert_eq!(comparable_email(&once), once);
        }

        #[test]
        fn what_is_accepted_has_its_form(email in "\\PC{0,8}@?[a-z.-]{0,8}", handle in "[a-z0-9_-]{0,34}|\\PC{0,6}", password in ".{0,12}") {
            let wrong = match NewAccount::check(&email, &handle, &password) {
                Ok(account) => {
                    prop_assert_eq!(account.email.matches('@').count(), 1);
                    prop_assert!(!account.email.contains(char::is_whitespace));
                    vec![]
                }
                Err(problem) => problem.errors.into_iter().map(|error| error.field).collect(),
            };
            let plain = |character: char| character.is_ascii_lowercase() || character.is_ascii_digit();
            let handle_fits = handle.starts_with(plain)
                && (3..=32).contains(&handle.len())
                && handle.chars().all(|character| plain(character) || "-_".contains(character));
            prop_assert_eq!(handle_fits, !wrong.contains(&"handle".to_owned()));
            prop_assert_eq!(password.chars().count() >= 8, !wrong.contains(&"password".to_owned()));
        }
    }

    #[test]
    fn handles_and_passwords() {
        for good in ["abc", "a-b_c", "0day", &"x".repeat(32)] {
            assert!(is_handle(good), "{good}");
        }
        for bad in [
            "",
            "ab",
            "-abc",
            "_abc",
            "Abc",
            "a b c",
            "äbc",
            &"x".repeat(33),
        ] {
            assert!(!is_handle(bad), "{bad}");
        }
        assert!(is_password("åäöåäöåä") && is_password(&"x".repeat(256)));
        assert!(!is_password("1234567") && !is_password(&"x".repeat(257)));
    }

    #[test]
    fn all_wrong_fields_are_told_at_once() {
        let problem = NewAccount::check("x", "X", "x").expect_err("all wrong");
        let fields: Vec<_> = problem
            .errors
            .iter()
            .map(|error| error.field.as_str())
            .collect();
        assert_eq!(fields, ["email", "handle", "password"]);
    }

    #[test]
    fn roles_are_known_and_everyone_is_a_user() {
        assert_eq!(
            checked_roles(&["admin".to_owned(), "admin".to_owned()]).expect("known"),
            ["user", "admin"]
        );
        assert_eq!(checked_roles(&[]).expect("known"), ["user"]);
        assert!(checked_roles(&["root".to_owned()]).is_err());
    }
}
