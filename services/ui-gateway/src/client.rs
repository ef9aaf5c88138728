//! Where a request comes from: the web app itself, another site, or a proxy in between.

use std::net::IpAddr;

use actix_web::{
    HttpRequest,
    http::{
        Uri,
        header::{AsHeaderName, ORIGIN},
    },
};
use ipnet::IpNet;
use service_kit::{Code, Problem, Settings};

/// What is known of the public site.
pub(crate) struct Site {
    origin: Origin,
    trusted_proxies: Vec<IpNet>,
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
}

impl Site {
    /// `None` when the public URL has no host.
    pub(crate) fn new(settings: &Settings) -> Option<Self> {
        Some(Self {
            origin: Origin::parse(&settings.public_url)?,
            trusted_proxies: settings.http.trusted_proxies.clone(),
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

    /// Refuses what says that it comes from a page of another site.
    pub(crate) fn refuse_other_page(&self, request: &HttpRequest) -> Result<(), Problem> {
        let from_a_page =
            text(request, ORIGIN).is_some() || text(request, "sec-fetch-site").is_some();
        if from_a_page {
            self.require_own_page(request)
        } else {
            Ok(())
        }
    }

    fn is_own_page(&self, request: &HttpRequest) -> bool {
        let origin = text(request, ORIGIN).and_then(Origin::parse);
        origin.is_some_and(|origin| origin == self.origin)
            || text(request, "sec-fetch-site") == Some("same-origin")
    }

    /// The client's address: the peer, or what trusted proxies say of it.
    pub(crate) fn address(&self, request: &HttpRequest) -> Option<IpAddr> {
        let peer = request.peer_addr()?.ip().to_canonical();
        let mut address = peer;
        let forwarded = request
            .headers()
            .get_all("x-forwarded-for")
            .filter_map(|value| value.to_str().ok());
        let hops: Vec<_> = forwarded.flat_map(|value| value.split(',')).collect();
        // The last hop was written by the proxy nearest to us: believe one only as far as the next.
        for hop in hops.into_iter().rev() {
            if !self.is_trusted(address) {
                break;
            }
            let Ok(before) = hop.trim().parse::<IpAddr>() else {
                break;
            };
            address = before.to_canonical();
        }
        Some(address)
    }

    fn is_trusted(&self, address: IpAddr) -> bool {
        self.trusted_proxies
            .iter()
            .any(|network| network.contains(&address))
    }
}

fn csrf() -> Problem {
    let detail =
        "Send `Origin` equal to the public URL, or use `Authorization: Bearer` instead of cookies.";
    Problem::new(Code::Csrf, detail)
}

/// A header as text, when it is there once.
fn text(request: &HttpRequest, name: impl AsHeaderName) -> Option<&str> {
    let mut values = request.headers().get_all(name);
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn site() -> Site {
        Site {
            origin: Origin::parse("https://App.example.com/").expect("an origin"),
            trusted_proxies: vec!["10.0.0.0/8".parse().expect("a network")],
            longest_session_seconds: 1,
        }
    }

    #[test]
    fn a_page_is_own_by_origin_or_by_what_the_browser_says() {
        let request = |headers: &[(&'static str, &'static str)]| {
            let with = headers.iter().fold(TestRequest::post(), |request, header| {
                request.insert_header(*header)
            });
            with.to_http_request()
        };
        for own in [
            &[("origin", "https://app.example.com")][..],
            &[("origin", "https://app.example.com:443")],
            &[("sec-fetch-site", "same-origin")],
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
    }

    #[test]
    fn proxies_are_believed_when_they_are_trusted() {
        let address = |peer: &str, forwarded: &'static str| {
            let request = TestRequest::get()
                .peer_addr(format!("{peer}:1234").parse().expect("an address"))
                .insert_header(("x-forwarded-for", forwarded));
            site()
                .address(&request.to_http_request())
                .expect("a peer")
                .to_string()
        };
        assert_eq!(address("192.0.2.1", "198.51.100.7"), "192.0.2.1");
        assert_eq!(address("10.0.0.1", "198.51.100.7"), "198.51.100.7");
        assert_eq!(
            address("10.0.0.1", "1.1.1.1, 198.51.100.7, 10.0.0.2"),
            "198.51.100.7"
        );
        assert_eq!(address("10.0.0.1", "198.51.100.7, nonsense"), "10.0.0.1");
    }
}
