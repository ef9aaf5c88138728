//! The API as a browser uses it: with cookies.

use std::collections::BTreeMap;

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use test_kit::{Answer, Person, Platform};

const PASSWORD: &str = "correct horse battery staple";

/// A browser: it keeps cookies by name, as their paths are no matter here.
struct Browser<'a> {
    platform: &'a Platform,
    /// Only sends; who they are is the cookies' matter.
    sender: Person,
    cookies: BTreeMap<String, String>,
}

impl<'a> Browser<'a> {
    async fn signed_in(platform: &'a Platform) -> Self {
        let person = platform.person().await;
        let credentials = json!({"email": person.email, "password": PASSWORD, "cookies": true});
        let mut browser = Self {
            platform,
            sender: person,
            cookies: BTreeMap::new(),
        };
        let session = browser
            .post("/api/auth/login", credentials)
            .await
            .expect(200);
        assert!(session["access_token"].is_null() && session["refresh_token"].is_null());
        browser
    }

    async fn get(&mut self, path: &str) -> Answer {
        let request = self.request(Method::GET, path);
        self.send(request).await
    }

    async fn post(&mut self, path: &str, body: Value) -> Answer {
        let request = self.request(Method::POST, path);
        let own = request.header("origin", self.platform.base_url());
        self.send(own.json(&body)).await
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url = format!("{}{path}", self.platform.base_url());
        let cookies = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"));
        let cookies = cookies.collect::<Vec<_>>().join("; ");
        reqwest::Client::new()
            .request(method, url)
            .header("cookie", cookies)
    }

    async fn send(&mut self, request: RequestBuilder) -> Answer {
        let answer = self.sender.send(request).await;
        for set in answer.headers.get_all("set-cookie") {
            let set = set.to_str().expect("a text");
            let (name, rest) = set.split_once('=').expect("a name");
            let value = rest.split(';').next().unwrap_or_default();
            match set.contains("Max-Age=0") {
                true => self.cookies.remove(name),
                false => self.cookies.insert(name.to_owned(), value.to_owned()),
            };
        }
        answer
    }

    fn names(&self) -> Vec<&str> {
        self.cookies.keys().map(String::as_str).collect()
    }
}

#[tokio::test]
async fn a_browser_stays_signed_in_by_its_cookies_and_logout_takes_all_but_the_device() {
    let platform = Platform::start().await;
    let mut browser = Browser::signed_in(&platform).await;
    assert_eq!(browser.names(), ["dm_access", "dm_device", "dm_refresh"]);
    browser.get("/api/me").await.expect(200);

    let before = browser.cookies["dm_refresh"].clone();
    browser.cookies.remove("dm_access");
    let missing = browser.get("/api/me").await;
    missing.expect_problem(401, "unauthenticated");
    let renewed = browser
        .post("/api/auth/refresh", json!({"cookies": true}))
        .await;
    renewed.expect(200);
    assert_ne!(browser.cookies["dm_refresh"], before);
    browser.get("/api/me").await.expect(200);

    browser
        .post("/api/auth/logout", json!({}))
        .await
        .expect(204);
    assert_eq!(browser.names(), ["dm_device"]);
}

#[tokio::test]
async fn cookies_that_are_worth_nothing_any_more_go() {
    let platform = Platform::start().await;
    let mut browser = Browser::signed_in(&platform).await;
    let ended = browser.cookies["dm_refresh"].clone();
    browser
        .post("/api/auth/logout", json!({}))
        .await
        .expect(204);
    for (token, code) in [
        (ended.as_str(), "session_ended"),
        ("dmr_nothing", "unauthenticated"),
    ] {
        browser
            .cookies
            .insert("dm_refresh".to_owned(), token.to_owned());
        let refused = browser
            .post("/api/auth/refresh", json!({"cookies": true}))
            .await;
        refused.expect_problem(401, code);
        assert_eq!(browser.names(), ["dm_device"]);
    }
}

#[tokio::test]
async fn another_page_changes_nothing_with_the_cookies_of_a_browser() {
    let platform = Platform::start().await;
    let mut browser = Browser::signed_in(&platform).await;
    for path in ["/api/projects", "/api/auth/refresh", "/api/auth/logout"] {
        for origin in [None, Some("https://evil.test"), Some("null")] {
            let request = browser.request(Method::POST, path).json(&json!({}));
            let request = match origin {
                Some(origin) => request.header("origin", origin),
                None => request,
            };
            let refused = browser.send(request).await;
            refused.expect_problem(403, "csrf");
        }
    }
    browser.get("/api/me").await.expect(200);
}

#[tokio::test]
async fn a_page_whose_name_was_made_to_lead_here_changes_nothing_and_opens_no_socket() {
    let platform = Platform::start().await;
    let browser = Browser::signed_in(&platform).await;
    let own = platform.base_url().trim_start_matches("http://").to_owned();
    let (_, port) = own.rsplit_once(':').expect("a port");
    let (theirs, local) = (format!("evil.test:{port}"), format!("localhost:{port}"));
    let of = |host: &str| format!("http://{host}");
    let ask = async |path: &str, host: &str, origin: Option<String>| {
        let upgrade = path.ends_with("/ws");
        let method = if upgrade { Method::GET } else { Method::POST };
        let mut request = browser.request(method, path).header("host", host);
        request = request.header("sec-fetch-site", "same-origin");
        if upgrade {
            let key = "dGhlIHNhbXBsZSBub25jZQ==";
            request = request.header("upgrade", "websocket");
            request = request.header("connection", "upgrade");
            request = request.header("sec-websocket-version", "13");
            request = request.header("sec-websocket-key", key);
        } else {
            request = request.json(&json!({}));
        }
        if let Some(origin) = origin {
            request = request.header("origin", origin);
        }
        browser.sender.try_send(request).await
    };
    for path in ["/api/projects", "/api/realtime/ws", "/api/auth/refresh"] {
        for (host, origin) in [
            (&theirs, None),
            (&theirs, Some(of(&theirs))),
            (&own, Some(of(&theirs))),
            (&theirs, Some(of(&local))),
        ] {
            let answer = ask(path, host, origin).await.expect("an answer");
            answer.expect_problem(403, "csrf");
        }
    }
    for host in [&own, &local] {
        let answer = ask("/api/projects", host, Some(of(host))).await;
        let answer = answer.expect("an answer");
        answer.expect_problem(422, "invalid");
    }
}
