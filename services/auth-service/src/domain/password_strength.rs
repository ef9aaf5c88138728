//! How hard a password is to guess. There are no rules of composition: what counts is the number of
//! guesses that zxcvbn thinks it stands.

use zxcvbn::{Score, feedback::Feedback, zxcvbn};

/// Ten to the sixth guesses: enough behind a limit on attempts and an expensive hash.
const LEAST: Score = Score::Two;

/// What is looked at of a long password, at each end. zxcvbn tries every way to read digits and signs
/// as letters, quadratic in the length: 100 characters can take 700 ms, 24 at most 35 ms, about one
/// run of Argon2id, and mostly 0.3 ms. So it belongs on the password threads all the same.
const LONGEST_PART: usize = 24;

/// Whether a password is hard enough to guess; else what makes it easy and what to do. `known_words`
/// are what others may know of its owner.
pub fn check_strength(password: &str, known_words: &[String]) -> Result<(), String> {
    let known_words: Vec<&str> = known_words.iter().map(String::as_str).collect();
    let [head, tail] = ends(password);
    let weakness = weakness(head, &known_words);
    match weakness {
        Some(_) if tail != head && self::weakness(tail, &known_words).is_none() => Ok(()),
        Some(weakness) => Err(weakness),
        None => Ok(()),
    }
}

/// What others may know of somebody: address and handle, whole and in parts.
pub fn known_words(email: &str, handle: &str) -> Vec<String> {
    let parts = email
        .split(|character: char| !character.is_alphanumeric())
        .chain(handle.split(['-', '_']))
        .filter(|part| part.chars().count() > 2);
    [email, handle, "devmentor"]
        .into_iter()
        .chain(parts)
        .map(str::to_owned)
        .collect()
}

/// The first and the last characters; of a short password twice all of it.
fn ends(password: &str) -> [&str; 2] {
    let at = |character: Option<(usize, char)>| character.map(|(at, _)| at);
    let head = at(password.char_indices().nth(LONGEST_PART)).unwrap_or(password.len());
    let tail = at(password.char_indices().rev().nth(LONGEST_PART - 1)).unwrap_or(0);
    if head == password.len() {
        return [password, password];
    }
    [&password[..head], &password[tail..]]
}

fn weakness(part: &str, known_words: &[&str]) -> Option<String> {
    let guessed = zxcvbn(part, known_words);
    (guessed.score() < LEAST).then(|| guessed.feedback().map_or_else(advice, told))
}

fn told(feedback: &Feedback) -> String {
    let warning = feedback.warning().map(|warning| warning.to_string());
    let suggestions = feedback.suggestions().iter().map(ToString::to_string);
    let sentences: Vec<_> = warning.into_iter().chain(suggestions).collect();
    match sentences.is_empty() {
        true => advice(),
        false => sentences.join(" "),
    }
}

fn advice() -> String {
    "This is easy to guess. Use a few uncommon words.".to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of_reader(password: &str) -> Result<(), String> {
        check_strength(password, &known_words("jo.reader@example.org", "night-owl"))
    }

    #[test]
    fn what_is_common_or_known_of_its_owner_is_refused_in_plain_words() {
        for (weak, told) in [
            ("12345678", "This is a top-10 common password."),
            ("password123", "This is a very common password."),
            ("aaaaaaaaaaaa", "Repeats like \"aaa\" are easy to guess."),
            ("abcdefgh", ""),
            ("jo.reader@example.org", ""),
            ("Reader2024", ""),
            ("nightowl", ""),
            ("night-owl", ""),
            ("devmentor", ""),
        ] {
            let weakness = of_reader(weak).expect_err(weak);
            assert!(weakness.starts_with(told), "{weak}: {weakness}");
            assert!(weakness.ends_with('.'), "{weak}: {weakness}");
        }
    }

    #[test]
    fn what_is_hard_to_guess_passes_whatever_it_is_made_of() {
        for strong in [
            "correct horse battery staple",
            "a password for tests only",
            "long enough for all",
            "vmqtzkwe",
            "92640187",
            "bl\u{e5}b\u{e6}rgr\u{f8}d til m\u{f8}dag",
        ] {
            assert_eq!(of_reader(strong), Ok(()), "{strong}");
        }
    }

    #[test]
    fn a_long_password_is_as_strong_as_its_stronger_end() {
        let dull = "a".repeat(60);
        assert!(of_reader(&dull).is_err());
        assert_eq!(of_reader(&format!("{dull} correct horse battery")), Ok(()));
        assert_eq!(of_reader(&format!("correct horse battery {dull}")), Ok(()));
    }

    proptest! {
        #[test]
        fn any_password_is_judged(password in "\\PC{8,256}") {
            let judged = of_reader(&password);
            prop_assert!(judged.is_ok() || judged.is_err_and(|told| !told.is_empty()));
        }

        #[test]
        fn ends_are_ends(password in "\\PC{0,60}") {
            let [head, tail] = ends(&password);
            prop_assert!(password.starts_with(head) && password.ends_with(tail));
            let length = password.chars().count().min(LONGEST_PART);
            prop_assert_eq!([head, tail].map(|part| part.chars().count()), [length; 2]);
        }
    }
}
