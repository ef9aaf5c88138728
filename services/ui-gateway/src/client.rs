//! Where a request comes from: the web app itself, another site, or a proxy in between.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use actix_web::{
    HttpRequest,
    http::{
        Uri,
        header::{AsHeaderName, HOST, HeaderMap, HeaderValue, ORIGIN},
    },
};
use ipnet::IpNet;
use service_kit::{Code, Problem, Settings};

use crate::forwarded::{client_address, is_trusted};

/// What is known of the public site.
pub(crate) struct Site {
    origin: Origin,
    trusted_proxies: Vec<IpNet>,
    cors_origins: Vec<Origin>,
    longest_session_seconds: u64,
}

/// Scheme, host and port, RFC 6454.
#[derive(Debug, PartialEq, Eq)]
struct Origin {
    scheme: String,
    host: String,
    port: u16,
}

impl Origin {
    fn parse(text: &str) -> Option<Self> {
        let uri: Uri = text.parse().ok()?;
        let scheme = uri.scheme_str()?.to_ascii_lowercase();
        let standard = if scheme == "https" { 443 } else { 80 };
        Some(Self {
            host: uri.host()?.to_ascii_lowercase(),
            port: uri.port_u16().unwrap_or(standard),
            scheme,
        })
    }

    /// Whether a browser may mean the same page by it: this machine has several names.
    fn is_same_page(&self, other: &Self) -> bool {
        let is_loopback = self.is_loopback() && other.is_loopback();
        self.scheme == other.scheme
            && self.port == other.port
            && (self.host == other.host || is_loopback)
    }

    fn is_loopback(&self) -> bool {
        let bare = self.host.trim_start_matches('[').trim_end_matches(']');
        let is_ipv4 = || bare.parse().is_ok_and(|ip: Ipv4Addr| ip.is_loopback());
        let is_ipv6 = || bare.parse().is_ok_and(|ip: Ipv6Addr| ip.is_loopback());
        bare == "localhost" || is_ipv4() || is_ipv6()
    }
}

impl Site {
    /// `None` when the public URL has no host.
    pub(crate) fn new(settings: &Settings) -> Option<Self> {
        let cors_origins = settings.http.cors_origins.iter();
        Some(Self {
            origin: Origin::parse(&settings.public_url)?,
            trusted_proxies: settings.http.trusted_proxies.clone(),
            cors_origins: cors_origins
                .filter_map(|origin| Origin::parse(origin))
                .collect(),
            longest_session_seconds: settings.session.absolute_seconds,
        })
    }

    /// How long a browser keeps a session's cookie: as long as the session may live.
    pub(crate) fn longest_session_seconds(&self) -> u64 {
        self.longest_session_seconds
    }

    /// Whether cookies have to be `Secure`.
    pub(crate) fn is_secure(&self) -> bool {
        self.origin.scheme == "https"
    }

    /// Refuses a request that a cookie authenticates unless it is the web app's own: a browser sends
    /// cookies for pages of other sites too.
    pub(crate) fn require_own_page(&self, request: &HttpRequest) -> Result<(), Problem> {
        if self.is_own_page(request) {
            Ok(())
        } else {
            Err(csrf())
        }
    }

    /// Refuses what says that it comes from a page of another site, unless that may call the API.
    pub(crate) fn refuse_other_page(&self, request: &HttpRequest) -> Result<(), Problem> {
        let headers = request.headers();
        let from_a_page = headers.contains_key(ORIGIN) || headers.contains_key("sec-fetch-site");
        if from_a_page && self.allowed_origin(headers).is_none() {
            self.require_own_page(request)
        } else {
            Ok(())
        }
    }

    /// `same-origin` is what a browser says of any page whose name leads here, and whoever owns a name
    /// makes it lead anywhere (DNS rebinding): the names that it gives have to be ours too.
    fn is_own_page(&self, request: &HttpRequest) -> bool {
        let says_own = text(request, "sec-fetch-site") == Some("same-origin");
        if !request.headers().contains_key(ORIGIN) {
            return says_own && self.is_own_host(request);
        }
        let origin = text(request, ORIGIN).and_then(Origin::parse);
        origin.is_some_and(|origin| {
            let is_by_another_name = || says_own && origin.is_same_page(&self.origin);
            origin == self.origin || (is_by_another_name() && self.is_own_host(request))
        })
    }

    /// A trusted proxy has looked at the name, and may ask us by another.
    fn is_own_host(&self, request: &HttpRequest) -> bool {
        let peer = request.peer_addr().map(|peer| peer.ip().to_canonical());
        if peer.is_some_and(|peer| is_trusted(peer, &self.trusted_proxies)) {
            return true;
        }
        let scheme = &self.origin.scheme;
        let host =
            text(request, HOST).and_then(|host| Origin::parse(&format!("{scheme}://{host}")));
        host.is_some_and(|host| host.is_same_page(&self.origin))
    }

    /// The client's address: the peer, or what trusted proxies say of it.
    pub(crate) fn address(&self, request: &HttpRequest) -> Option<IpAddr> {
        let peer = request.peer_addr()?.ip();
        let headers = request.headers();
        Some(client_address(peer, headers, &self.trusted_proxies))
    }

    /// The request's `Origin`, where it is that of another web app which may call the API.
    pub(crate) fn allowed_origin<'a>(&self, headers: &'a HeaderMap) -> Option<&'a HeaderValue> {
        if self.cors_origins.is_empty() {
            return None;
        }
        let given = only(headers, ORIGIN)?;
        let origin = Origin::parse(given.to_str().ok()?)?;
        self.cors_origins.contains(&origin).then_some(given)
    }

    /// Whether any other web app may call the API.
    pub(crate) fn has_allowed_origins(&self) -> bool {
        !self.cors_origins.is_empty()
    }
}

fn csrf() -> Problem {
    let detail = "Send `Origin` equal to the public URL (DEVMENTOR__PUBLIC_URL), \
        or use `Authorization: Bearer` instead of cookies.";
    Problem::new(Code::Csrf, detail)
}

/// A header as text, when it is there once.
fn text(request: &HttpRequest, name: impl AsHeaderName) -> Option<&str> {
    only(request.headers(), name)?.to_str().ok()
}

fn only(headers: &HeaderMap, name: impl AsHeaderName) -> Option<&HeaderValue> {
    let mut values = headers.get_all(name);
    let value = values.next()?;
    values.next().is_none().then_some(value)
}

#[cfg(test)]
impl Site {
    /// A site at this URL, and nothing else of note.
    pub(crate) fn test(public_url: &str) -> Self {
        Self {
            origin: Origin::parse(public_url).expect("an origin"),
            trusted_proxies: Vec::new(),
            cors_origins: Vec::new(),
            longest_session_seconds: 30 * 24 * 60 * 60,
        }
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn site() -> Site {
        Site {
            cors_origins: vec![Origin::parse("https://friend.example").expect("an origin")],
            ..Site::test("https://App.example.com/")
        }
    }

    const OWN: (&str, &str) = ("sec-fetch-site", "same-origin");

    fn request(headers: &[(&'static str, &'static str)]) -> HttpRequest {
        let with = headers.iter().fold(TestRequest::post(), |request, header| {
            request.insert_header(*header)
        });
        with.to_http_request()
    }

    #[test]
    fn a_name_that_was_made_to_lead_here_is_not_ours() {
        let site = Site::test("http://127.0.0.1:8080");
        for [host, origin] in [
            ["127.0.0.1:8080", "http://127.0.0.1:8080"],
            ["localhost:8080", "http://localhost:8080"],
            ["[::1]:8080", "http://[::1]:8080"],
            ["127.1.2.3:8080", "http://127.1.2.3:8080"],
        ] {
            for headers in [
                &[OWN, ("host", host)][..],
                &[OWN, ("host", host), ("origin", origin)],
            ] {
                assert!(site.is_own_page(&request(headers)), "{headers:?}");
            }
        }
        for [host, origin] in [
            ["evil.test:8080", "http://evil.test:8080"],
            [
                "localhost.evil.test:8080",
                "http://localhost.evil.test:8080",
            ],
            [
                "127.0.0.1.evil.test:8080",
                "http://127.0.0.1.evil.test:8080",
            ],
            ["localhost:8081", "http://localhost:8081"],
            ["localhost", "http://localhost"],
            ["192.0.2.1:8080", "http://192.0.2.1:8080"],
            ["evil.test:8080", "http://localhost:8080"],
            ["localhost:8080", "http://evil.test:8080"],
        ] {
            let headers = [OWN, ("host", host), ("origin", origin)];
            assert!(!site.is_own_page(&request(&headers)), "{headers:?}");
        }
    }

    #[test]
    fn a_trusted_proxy_may_ask_by_another_name() {
        let site = Site {
            trusted_proxies: vec!["10.0.0.0/8".parse().expect("a network")],
            ..site()
        };
        let from = |peer: &str| {
            let request = TestRequest::post().insert_header(OWN);
            let request = request.insert_header(("host", "gateway:8080"));
            let peer = peer.parse().expect("an address");
            request.peer_addr(peer).to_http_request()
        };
        assert!(site.is_own_page(&from("10.0.0.1:4711")));
        assert!(site.is_own_page(&from("[::ffff:10.0.0.1]:4711")));
        assert!(!site.is_own_page(&from("192.0.2.1:4711")));
    }

    #[test]
    fn a_page_is_own_by_origin_or_by_what_the_browser_says() {
        for own in [
            &[("origin", "https://app.example.com")][..],
            &[("origin", "https://app.example.com:443")],
            &[OWN, ("host", "app.example.com")],
            &[OWN, ("host", "APP.example.com:443")],
            &[OWN, ("origin", "https://app.example.com")],
        ] {
            assert!(site().require_own_page(&request(own)).is_ok(), "{own:?}");
        }
        for other in [
            &[][..],
            &[("origin", "null")],
            &[("origin", "http://app.example.com")],
            &[("origin", "https://app.example.com.evil.test")],
            &[("origin", "https://app.example.com:8443")],
            &[("sec-fetch-site", "same-site")],
            &[OWN],
            &[OWN, ("host", "evil.test")],
            &[OWN, ("host", "app.example.com:8443")],
            &[OWN, ("host", "app.example.com@evil.test")],
            &[
                OWN,
                ("host", "app.example.com"),
                ("origin", "https://evil.test"),
            ],
            &[OWN, ("host", "app.example.com"), ("origin", "null")],
        ] {
            assert!(
                site().require_own_page(&request(other)).is_err(),
                "{other:?}"
            );
        }
        assert!(site().refuse_other_page(&request(&[])).is_ok());
        assert!(
            site()
                .refuse_other_page(&request(&[("sec-fetch-site", "cross-site")]))
                .is_err()
        );
        assert!(
            site()
                .refuse_other_page(&request(&[("origin", "https://evil.test")]))
                .is_err()
        );
        let twice = [
            ("origin", "https://evil.test"),
            ("origin", "https://app.example.com"),
        ];
        let appended = twice.iter().fold(TestRequest::post(), |request, header| {
            request.append_header(*header)
        });
        let appended = appended.to_http_request();
        assert!(site().refuse_other_page(&appended).is_err());
        assert!(site().require_own_page(&appended).is_err());
        let friend = request(&[("origin", "https://friend.example")]);
        assert!(site().refuse_other_page(&friend).is_ok());
        assert!(site().require_own_page(&friend).is_err());
    }
}
