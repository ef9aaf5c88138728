//! The cookies of the web app. Scripts cannot read them, and other sites cannot send them with a
//! change.

use actix_web::cookie::{Cookie, SameSite, time::Duration};

use super::signed::ACCESS_COOKIE;
use crate::client::Site;

/// The cookie that holds the refresh token.
pub(super) const REFRESH_COOKIE: &str = "dm_refresh";

/// The cookie by which a device that has signed in before is known. It stays when people sign out.
pub(super) const DEVICE_COOKIE: &str = "dm_device";

const EVERYWHERE: &str = "/";

/// Only what signs in, renews or signs out gets to see these.
const AUTH: &str = "/api/auth";

/// What browsers keep a cookie at most.
const DEVICE_SECONDS: u64 = 400 * 24 * 60 * 60;

/// The cookie of an access token; it goes with the token.
pub(super) fn access(site: &Site, token: String, expires_in_seconds: u32) -> Cookie<'static> {
    let max_age_seconds = u64::from(expires_in_seconds);
    cookie(site, ACCESS_COOKIE, token, EVERYWHERE, max_age_seconds)
}

/// The cookie of a refresh token; kept as long as a session may live.
pub(super) fn refresh(site: &Site, token: String) -> Cookie<'static> {
    let max_age_seconds = site.longest_session_seconds();
    cookie(site, REFRESH_COOKIE, token, AUTH, max_age_seconds)
}

/// The cookie of a device.
pub(super) fn device(site: &Site, secret: String) -> Cookie<'static> {
    cookie(site, DEVICE_COOKIE, secret, AUTH, DEVICE_SECONDS)
}

/// Removes both tokens.
pub(super) fn removal(site: &Site) -> [Cookie<'static>; 2] {
    let removed = |name, path| cookie(site, name, String::new(), path, 0);
    [
        removed(ACCESS_COOKIE, EVERYWHERE),
        removed(REFRESH_COOKIE, AUTH),
    ]
}

fn cookie(
    site: &Site,
    name: &'static str,
    value: String,
    path: &'static str,
    max_age_seconds: u64,
) -> Cookie<'static> {
    Cookie::build(name, value)
        .path(path)
        .http_only(true)
        .same_site(SameSite::Lax)
        .secure(site.is_secure())
        .max_age(Duration::seconds(max_age_seconds.cast_signed()))
        .finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_are_kept_from_scripts_and_other_sites() {
        let (site, open) = (Site::test("https://a.test"), Site::test("http://a.test"));
        let text = |cookie: Cookie<'_>| cookie.to_string();
        assert_eq!(
            text(access(&site, "abc".to_owned(), 300)),
            "dm_access=abc; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=300"
        );
        assert_eq!(
            text(refresh(&site, "abc".to_owned())),
            "dm_refresh=abc; HttpOnly; SameSite=Lax; Secure; Path=/api/auth; Max-Age=2592000"
        );
        assert_eq!(
            text(device(&open, "abc".to_owned())),
            "dm_device=abc; HttpOnly; SameSite=Lax; Path=/api/auth; Max-Age=34560000"
        );
        assert_eq!(
            removal(&open).map(text),
            [
                "dm_access=; HttpOnly; SameSite=Lax; Path=/; Max-Age=0",
                "dm_refresh=; HttpOnly; SameSite=Lax; Path=/api/auth; Max-Age=0"
            ]
        );
    }
}
