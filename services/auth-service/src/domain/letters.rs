//! The letters that are sent to people, as plain text and as HTML. Links carry their token in the
//! fragment, which browsers do not send: no server logs it, no referrer tells it.

use std::fmt::Write;

/// What is sent. Each line is ASCII but for names, and short, so that mail needs no encoding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// Its subject.
    pub subject: String,
    /// All of it as plain text.
    pub text: String,
    /// All of it as an HTML page without anything from elsewhere.
    pub html: String,
}

/// A link to set a new password.
pub fn password_reset(public_url: &str, token: &str, minutes: u64) -> Letter {
    Draft::new("Set a new password")
        .says("Somebody, hopefully you, asked to set a new password for your account.")
        .links(
            "Set a new password",
            public_url,
            &with_token("reset-password", token),
        )
        .says(&format!(
            "The link works once, within {}. When it was used, you are signed out everywhere.",
            amount(minutes, "minute")
        ))
        .says("If it was not you, there is nothing to do: your password stays as it is.")
        .finish()
}

/// A link to prove an address.
pub fn verify_email(public_url: &str, token: &str, hours: u64) -> Letter {
    Draft::new("Confirm your address")
        .says("Please confirm that this address is yours.")
        .links(
            "Confirm the address",
            public_url,
            &with_token("verify-email", token),
        )
        .says(&format!(
            "The link works once, within {}.",
            amount(hours, "hour")
        ))
        .says("If you have no account with us, there is nothing to do.")
        .finish()
}

/// A link that finishes a registration, where addresses are proven first.
pub fn confirm_account(public_url: &str, token: &str, hours: u64) -> Letter {
    Draft::new("Finish signing up")
        .says("Welcome! One step is left: please confirm that this address is yours.")
        .links(
            "Finish signing up",
            public_url,
            &with_token("verify-email", token),
        )
        .says(&format!(
            "The link works once, within {}.",
            amount(hours, "hour")
        ))
        .says("If you did not sign up, there is nothing to do: no account is made.")
        .finish()
}

/// Somebody tried to sign up with an address that has an account.
pub fn account_exists(public_url: &str) -> Letter {
    Draft::new("You have an account already")
        .says("Somebody, hopefully you, tried to sign up with your address. It has an account.")
        .links("Sign in", public_url, "sign-in")
        .says("If you do not know your password any more, ask for a new one there.")
        .says("If it was not you, there is nothing to do.")
        .finish()
}

/// Somebody signed up with a handle that is in use.
pub fn handle_taken(public_url: &str, handle: &str) -> Letter {
    Draft::new("Choose another handle")
        .says(&format!(
            "You tried to sign up as {handle}, which is in use. No account was made."
        ))
        .links("Sign up with another handle", public_url, "sign-up")
        .says("If it was not you, there is nothing to do.")
        .finish()
}

/// The password of an account is another one.
pub fn password_changed(public_url: &str) -> Letter {
    Draft::new("Your password was changed")
        .says("The password of your account was changed.")
        .says("If it was not you, set a new one now. That signs out whoever did it.")
        .links("Set a new password", public_url, "forgot-password")
        .finish()
}

/// The second factor of an account was turned on or off.
pub fn second_factor_changed(public_url: &str, enabled: bool) -> Letter {
    let (subject, said) = match enabled {
        true => (
            "Your second factor is on",
            "From now on, signing in takes a code as well.",
        ),
        false => (
            "Your second factor is off",
            "From now on, signing in takes the password alone.",
        ),
    };
    Draft::new(subject)
        .says(said)
        .says("If it was not you, set a new password now. That signs out whoever did it.")
        .links("Set a new password", public_url, "forgot-password")
        .finish()
}

/// A link that proves the address an account waits for.
pub fn confirm_address(public_url: &str, token: &str, hours: u64) -> Letter {
    Draft::new("Confirm your new address")
        .says("Your account is to use this address from now on. Please confirm that it is yours.")
        .links(
            "Confirm the address",
            public_url,
            &with_token("confirm-address", token),
        )
        .says(&format!(
            "Open the link where you are signed in, or have your password ready. It works once, within {}.",
            amount(hours, "hour")
        ))
        .says("If you did not ask for this, there is nothing to do: the link does nothing by itself.")
        .finish()
}

/// To the old address of an account: another one was asked for.
pub fn address_changes(public_url: &str, token: &str, address: &str, days: u64) -> Letter {
    Draft::new("Your address is being changed")
        .says(&format!(
            "Somebody, hopefully you, asked to change the address of your account to {address}."
        ))
        .says("If it was you, there is nothing to do. If it was not, bring this address back:")
        .links(
            "Bring back my address",
            public_url,
            &with_token("undo-address", token),
        )
        .says(&format!(
            "That signs out everybody, and you set a new password. The link works until {} after the change.",
            amount(days, "day")
        ))
        .finish()
}

/// A machine token of an account was made.
pub fn machine_token_made(public_url: &str) -> Letter {
    Draft::new("A machine token was made")
        .says(
            "A machine token was made for your account: programs can use it without your password.",
        )
        .links("See your machine tokens", public_url, "account")
        .says("If it was not you, set a new password now. That revokes every machine token.")
        .links("Set a new password", public_url, "forgot-password")
        .finish()
}

/// Somebody gave the password of an account, and a wrong code.
pub fn password_known(public_url: &str) -> Letter {
    Draft::new("Somebody has your password")
        .says("Somebody signed in with your password and then gave a wrong code. Without a code they cannot get in.")
        .says("If it was you, there is nothing to do. If it was not, set a new password now.")
        .links("Set a new password", public_url, "forgot-password")
        .finish()
}

/// A letter that is being written.
struct Draft {
    subject: &'static str,
    text: String,
    html: String,
}

impl Draft {
    fn new(subject: &'static str) -> Self {
        Self {
            subject,
            text: String::new(),
            html: String::new(),
        }
    }

    /// A paragraph.
    fn says(mut self, sentences: &str) -> Self {
        self.text += sentences;
        self.text += "\n\n";
        self.paragraph(&escaped(sentences))
    }

    /// A link on a line of its own. Its address is shown, for those who would rather copy it.
    fn links(mut self, label: &str, public_url: &str, path: &str) -> Self {
        let address = format!("{}/{path}", public_url.trim_end_matches('/'));
        // A write to a string does not fail.
        let _ = write!(self.text, "{label}:\n{address}\n\n");
        let (label, address) = (escaped(label), escaped(&address));
        self.paragraph(&format!("<a href=\"{address}\">{label}</a><br>\n{address}"))
    }

    fn paragraph(mut self, html: &str) -> Self {
        let _ = writeln!(self.html, "<p>{html}</p>");
        self
    }

    fn finish(self) -> Letter {
        let subject = self.subject;
        Letter {
            subject: format!("DevMentor: {subject}"),
            text: format!("{}-- \nDevMentor\n", self.text),
            html: format!(
                "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
                 <meta name=\"viewport\" content=\"width=device-width\">\n<title>{subject}</title>\n</head>\n\
                 <body style=\"max-width:36em;margin:2em auto;padding:0 1em;font:16px/1.5 sans-serif\">\n\
                 <h1 style=\"font-size:1.25em\">{subject}</h1>\n{}<p>DevMentor</p>\n</body>\n</html>\n",
                self.html
            ),
        }
    }
}

fn with_token(path: &str, token: &str) -> String {
    format!("{path}#token={token}")
}

fn amount(count: u64, unit: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {unit}{plural}")
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    const URL: &str = "https://dev.example.com/";
    const TOKEN: &str = "Zm9yLXRlc3RzLW9ubHktZm9yLXRlc3RzLW9ubHktMTI";

    fn letters() -> [(&'static str, Letter); 12] {
        [
            ("password_reset", password_reset(URL, TOKEN, 30)),
            ("verify_email", verify_email(URL, TOKEN, 24)),
            ("confirm_account", confirm_account(URL, TOKEN, 1)),
            ("account_exists", account_exists(URL)),
            ("handle_taken", handle_taken(URL, "reader")),
            ("password_changed", password_changed(URL)),
            ("second_factor_on", second_factor_changed(URL, true)),
            ("second_factor_off", second_factor_changed(URL, false)),
            ("confirm_address", confirm_address(URL, TOKEN, 72)),
            (
                "address_changes",
                address_changes(URL, TOKEN, "reader@example.com", 7),
            ),
            ("machine_token_made", machine_token_made(URL)),
            ("password_known", password_known(URL)),
        ]
    }

    #[test]
    fn every_letter_has_its_golden_files() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/letters");
        let golden = |name: String| {
            let path = folder.join(name);
            std::fs::read_to_string(&path)
                .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
        };
        for (name, letter) in letters() {
            let text = format!("Subject: {}\n\n{}", letter.subject, letter.text);
            assert_eq!(text, golden(format!("{name}.txt")), "{name}");
            assert_eq!(letter.html, golden(format!("{name}.html")), "{name}");
        }
    }

    #[test]
    fn lines_are_short_plain_and_of_one_form() {
        for (name, letter) in letters() {
            for part in [&letter.subject, &letter.text, &letter.html] {
                assert!(part.is_ascii() && !part.contains('\r'), "{name}");
                assert!(part.lines().all(|line| line.len() < 300), "{name}");
            }
        }
    }

    #[test]
    fn what_comes_from_outside_is_escaped() {
        let letter = handle_taken("http://x/\"><i>", "<b>&\"");
        assert!(!letter.html.contains("<i>") && !letter.html.contains("<b>"));
        assert!(letter.html.contains("&lt;b&gt;&amp;&quot;"));
        assert!(letter.text.contains("<b>&\""), "plain text has no markup");
    }
}
