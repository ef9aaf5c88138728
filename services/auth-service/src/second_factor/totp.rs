//! Codes of an authenticator app: TOTP, RFC 6238, as all of them know it (SHA-1, 6 digits, 30 s).

use anyhow::anyhow;
use aws_lc_rs::constant_time::verify_slices_are_equal;
use qrcode::{QrCode, render::svg};
use redis_contracts::Timestamp;
use totp_rs::{Algorithm, TOTP};
use zeroize::Zeroizing;

/// 160 bits, RFC 4226.
const SECRET_BYTES: usize = 20;
const DIGITS: usize = 6;
const STEP_SECONDS: i64 = 30;
/// How many steps a clock may be off, either way.
const SKEW_STEPS: i64 = 1;

/// Shown by authenticator apps beside the address.
const ISSUER: &str = "DevMentor";

/// Width of the picture at least; it scales.
const PICTURE_PIXELS: u32 = 240;

/// A random secret.
pub fn new_secret() -> anyhow::Result<Zeroizing<Vec<u8>>> {
    let mut secret = Zeroizing::new(vec![0; SECRET_BYTES]);
    aws_lc_rs::rand::fill(&mut secret)?;
    Ok(secret)
}

/// The secret as it is typed by hand: Base32, RFC 4648.
pub fn base32(secret: &[u8]) -> Zeroizing<String> {
    Zeroizing::new(totp(secret).get_secret_base32())
}

/// The secret as apps take it: `otpauth://totp/...`.
pub fn uri(secret: &[u8], email: &str) -> anyhow::Result<Zeroizing<String>> {
    let totp = TOTP::new(
        Algorithm::SHA1,
        DIGITS,
        0,
        STEP_SECONDS.unsigned_abs(),
        secret.to_vec(),
        Some(ISSUER.to_owned()),
        email.to_owned(),
    );
    // Its own words may hold the address.
    let totp = totp.map_err(|_| anyhow!("an address or a secret fits in no otpauth URI"))?;
    Ok(Zeroizing::new(totp.get_url()))
}

/// The URI as a picture, black on white: an `<svg>` element.
pub fn qr_svg(uri: &str) -> anyhow::Result<Zeroizing<String>> {
    let picture = QrCode::new(uri)?
        .render::<svg::Color<'_>>()
        .min_dimensions(PICTURE_PIXELS, PICTURE_PIXELS)
        .build();
    // Without the XML declaration it can stand in a page as well.
    let element = picture.find("<svg").unwrap_or_default();
    Ok(Zeroizing::new(picture[element..].to_owned()))
}

/// The step of a right code. Codes of `last_step`, the one that was accepted last, and of those
/// before it are wrong: none is good twice. Blanks do not count.
pub fn check(secret: &[u8], code: &str, now: Timestamp, last_step: Option<i64>) -> Option<i64> {
    let code: Zeroizing<String> = Zeroizing::new(code.split_whitespace().collect());
    let now_step = now.unix_ms().div_euclid(1000 * STEP_SECONDS);
    let totp = totp(secret);
    // All steps are looked at, however early one fits.
    (now_step - SKEW_STEPS..=now_step + SKEW_STEPS)
        .filter(|step| is_code_of(&totp, *step, &code))
        .filter(|step| last_step.is_none_or(|last| *step > last))
        .max()
}

fn is_code_of(totp: &TOTP, step: i64, code: &str) -> bool {
    let Ok(seconds) = u64::try_from(step * STEP_SECONDS) else {
        return false;
    };
    let right = Zeroizing::new(totp.generate(seconds));
    verify_slices_are_equal(right.as_bytes(), code.as_bytes()).is_ok()
}

fn totp(secret: &[u8]) -> TOTP {
    TOTP::new_unchecked(
        Algorithm::SHA1,
        DIGITS,
        0,
        STEP_SECONDS.unsigned_abs(),
        secret.to_vec(),
        None,
        String::new(),
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The secret of the test vectors of RFC 6238.
    const SECRET: &[u8] = b"12345678901234567890";

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix_ms(seconds * 1000)
    }

    #[test]
    fn codes_are_those_of_rfc_6238() {
        for (seconds, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(check(SECRET, code, at(seconds), None), Some(seconds / 30));
        }
    }

    #[test]
    fn a_clock_may_be_off_by_one_step() {
        for (seconds, fits) in [(-1, false), (0, true), (30, true), (89, true), (90, false)] {
            let step = check(SECRET, " 287 082 ", at(seconds), None);
            assert_eq!(step, fits.then_some(1), "{seconds}");
        }
    }

    #[test]
    fn no_step_is_accepted_twice_nor_one_before_it() {
        let now = at(59);
        assert_eq!(check(SECRET, "287082", now, Some(0)), Some(1));
        assert_eq!(check(SECRET, "287082", now, Some(1)), None);
        assert_eq!(check(SECRET, "287082", now, Some(2)), None);
    }

    #[test]
    fn what_is_no_code_is_wrong() {
        for code in ["", "28708", "2870821", "28708\u{662}", "287082\0", "abcdef"] {
            assert_eq!(check(SECRET, code, at(59), None), None, "{code}");
        }
    }

    proptest! {
        #[test]
        fn the_code_of_now_is_right_and_steps_only_grow(seconds in 0i64..10_000_000_000, last in 0i64..400_000_000) {
            let code = totp(SECRET).generate(seconds.unsigned_abs());
            let step = check(SECRET, &code, at(seconds), None);
            prop_assert!(step.is_some_and(|step| (step - seconds / 30).abs() <= SKEW_STEPS));
            let step = check(SECRET, &code, at(seconds), Some(last));
            prop_assert!(step.is_none_or(|step| step > last));
        }
    }

    #[test]
    fn the_uri_and_its_picture_hold_the_secret_and_name_the_account() {
        let secret = new_secret().expect("a secret");
        assert_ne!(secret, new_secret().expect("a secret"));
        let uri = uri(&secret, "reader+x@example.com").expect("a URI");
        let start = "otpauth://totp/DevMentor:reader%2Bx%40example.com?";
        assert!(uri.starts_with(start), "{}", *uri);
        let part = format!("secret={}", *base32(&secret));
        assert!(uri.contains(&part) && uri.contains("issuer=DevMentor"));
        let picture = qr_svg(&uri).expect("a picture");
        assert!(picture.starts_with("<svg ") && picture.ends_with("</svg>"));
    }
}
