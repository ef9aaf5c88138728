//! Pages about the API, for people: its routes, and the codes of its problems. They are plain: no
//! script, nothing from elsewhere.

use std::{fmt::Write, sync::LazyLock};

use actix_web::{HttpResponse, http::header::CACHE_CONTROL};
use service_kit::Code;

use super::{
    answers::Pieces,
    app::{Html, with_page_headers},
    openapi::{access, area},
    reply::{Answer, Reply, ResponseDoc},
    table::table,
};

static ROUTES: LazyLock<String> = LazyLock::new(routes_page);
static ERRORS: LazyLock<String> = LazyLock::new(errors_page);

const STYLE: &str = "\
:root { color-scheme: light dark }
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; vertical-align: top; padding: .3rem 1rem .3rem 0; border-bottom: 1px solid #8886 }
code { font-family: ui-monospace, monospace }
:target { outline: 2px solid }
";

/// Anyone.
pub(super) async fn routes() -> Answer<Html> {
    Ok(page(&ROUTES))
}

/// Anyone.
pub(super) async fn errors() -> Answer<Html> {
    Ok(page(&ERRORS))
}

/// Anyone.
pub(super) async fn style() -> Answer<Css> {
    Ok(Css)
}

/// How the pages look.
pub(super) struct Css;

impl Reply for Css {
    fn responses() -> Vec<ResponseDoc> {
        vec![ResponseDoc::of::<String>(200, "text/css")]
    }

    fn respond(self) -> HttpResponse {
        HttpResponse::Ok()
            .content_type("text/css; charset=utf-8")
            .insert_header((CACHE_CONTROL, "no-cache"))
            .body(Pieces::shared(STYLE.as_bytes()))
    }
}

fn page(written: &'static str) -> Html {
    let page = with_page_headers(HttpResponse::Ok())
        .content_type("text/html; charset=utf-8")
        .insert_header((CACHE_CONTROL, "no-cache"))
        .body(Pieces::shared(written.as_bytes()));
    Html(page)
}

fn document(title: &str, rows: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>{title}</title>\n\
         <link rel=\"stylesheet\" href=\"/api/docs/style.css\">\n<h1>{title}</h1>\n\
         <p><a href=\"/api/docs\">Routes</a>, <a href=\"/api/docs/errors\">problems</a>, \
         <a href=\"/api/openapi.json\">OpenAPI</a></p>\n{rows}</html>\n"
    )
}

fn routes_page() -> String {
    let mut rows = String::new();
    let mut paths = table();
    paths.sort_by_key(|path| (area(path.pattern()).to_owned(), path.pattern()));
    let mut heading = String::new();
    for path in &paths {
        let area = area(path.pattern());
        if heading != area {
            let end = if heading.is_empty() { "" } else { "</table>\n" };
            area.clone_into(&mut heading);
            put(
                &mut rows,
                format_args!(
                    "{end}<h2>{area}</h2>\n<table>\n<tr><th>Route<th>Who<th>What<th>Answer\n"
                ),
            );
        }
        for (method, doc) in path.operations() {
            let answers = doc.statuses().into_iter().map(|status| status.to_string());
            let answers = answers.collect::<Vec<_>>().join(", ");
            let (pattern, who) = (path.pattern(), access(doc.access).replace('_', " "));
            let what = doc.summary;
            put(
                &mut rows,
                format_args!(
                    "<tr><td><code>{method} {pattern}</code><td>{who}<td>{what}<td>{answers}\n"
                ),
            );
        }
    }
    rows.push_str("</table>\n");
    document("DevMentor API", &rows)
}

fn errors_page() -> String {
    let mut rows = "<table>\n<tr><th>Code<th>Status<th>Meaning\n".to_owned();
    for code in Code::ALL {
        let (name, status, title) = (code.name(), code.http_status(), code.title());
        put(
            &mut rows,
            format_args!("<tr id=\"{name}\"><td><code>{name}</code><td>{status}<td>{title}\n"),
        );
    }
    rows.push_str("</table>\n");
    document("DevMentor API: problems", &rows)
}

fn put(page: &mut String, row: std::fmt::Arguments<'_>) {
    // Writing to a text cannot fail.
    let _ = page.write_fmt(row);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_needs_no_escape() {
        for path in table() {
            for (_, doc) in path.operations() {
                assert!(!doc.summary.contains(['<', '&', '>']), "{}", doc.summary);
            }
        }
    }

    #[test]
    fn every_route_and_every_code_is_told() {
        let (routes, errors) = (routes_page(), errors_page());
        for path in table() {
            assert!(routes.contains(path.pattern()), "{}", path.pattern());
        }
        for code in Code::ALL {
            assert!(errors.contains(&format!("<tr id=\"{}\">", code.name())));
        }
        assert_eq!(
            routes.matches("<table>").count(),
            routes.matches("</table>").count()
        );
    }
}
