//! `devmentor import`: streams an archive into a project and shows how far it is.

use std::{fs::File, io::BufReader, path::Path, process::ExitCode};

use anyhow::{Context, bail, ensure};
use reqwest::{Body, Method, Response, header};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    api::{Api, ProblemDocument},
    output::{self, Progress},
};

const LARGEST_ARCHIVE_BYTES: u64 = 64 * 1024 * 1024;
const LONGEST_LINE_BYTES: usize = 1024 * 1024;

/// What this reads of an archive; the platform checks the rest.
#[derive(Deserialize)]
struct Archive {
    repo: Option<String>,
}

#[derive(Deserialize)]
struct Project {
    id: String,
    key: String,
}

/// A line of the answer.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Line {
    Progress {
        issues_done: u64,
        issues_total: u64,
        comments_done: u64,
        comments_total: u64,
    },
    Done(Summary),
    Error {
        problem: ProblemDocument,
    },
}

#[derive(Deserialize)]
struct Summary {
    issues_total: u64,
    comments_total: u64,
    issues_imported: u64,
    comments_imported: u64,
}

/// Imports a file into the project of a key, which is created when the key is free.
pub(crate) async fn run(
    api: &Api,
    file: &Path,
    key: &str,
    as_json: bool,
) -> anyhow::Result<ExitCode> {
    let archive = check(file)?;
    let project = match find(api, key).await? {
        Some(project) => project,
        None => create(api, key, archive.repo.as_deref().unwrap_or(key)).await?,
    };
    let response = send(api, &project.id, file).await?;
    let summary = follow(response).await?;
    if as_json {
        output::document(&json!({
            "project_id": project.id, "key": project.key,
            "issues_total": summary.issues_total, "comments_total": summary.comments_total,
            "issues_imported": summary.issues_imported, "comments_imported": summary.comments_imported,
        }));
    } else {
        output::answer(&format!(
            "{}: {} new of {} issues, {} new of {} comments.",
            project.key,
            summary.issues_imported,
            summary.issues_total,
            summary.comments_imported,
            summary.comments_total
        ));
    }
    Ok(ExitCode::SUCCESS)
}

/// Refuses what cannot be an archive before a project is made for it.
fn check(path: &Path) -> anyhow::Result<Archive> {
    let named = || path.display().to_string();
    let file = File::open(path).with_context(named)?;
    let size = file.metadata().with_context(named)?.len();
    ensure!(
        size <= LARGEST_ARCHIVE_BYTES,
        "{}: {size} bytes; an archive has at most 64 MiB",
        named()
    );
    serde_json::from_reader(BufReader::new(file))
        .with_context(|| format!("{} is not an issue archive", named()))
}

async fn find(api: &Api, key: &str) -> anyhow::Result<Option<Project>> {
    let mut found = None;
    api.pages("/api/projects", |page: Vec<Project>| {
        found = page.into_iter().find(|project| project.key == key);
        found.is_some()
    })
    .await?;
    Ok(found)
}

async fn create(api: &Api, key: &str, name: &str) -> anyhow::Result<Project> {
    let request = api.request(Method::POST, "/api/projects").await?;
    let project = api
        .fetch(request.json(&json!({"key": key, "name": name})))
        .await?;
    output::tell(&format!("Created project {key} ({name})."));
    Ok(project)
}

async fn send(api: &Api, project_id: &str, path: &Path) -> anyhow::Result<Response> {
    let file = tokio::fs::File::open(path).await?;
    let length = file.metadata().await?.len();
    let request = api
        .request(Method::POST, &format!("/api/projects/{project_id}/import"))
        .await?
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::CONTENT_LENGTH, length)
        .body(Body::from(file));
    api.send(request).await
}

/// Shows progress until the last line; a stream that ends before it was cut off.
async fn follow(mut response: Response) -> anyhow::Result<Summary> {
    let mut progress = Progress::default();
    let mut unread = Vec::new();
    let ended = loop {
        while let Some(end) = unread.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = unread.drain(..=end).collect();
            match read(&line)? {
                Line::Progress { issues_done, issues_total, comments_done, comments_total } => progress.show(&format!(
                    "{issues_done} of {issues_total} issues, {comments_done} of {comments_total} comments"
                )),
                Line::Done(summary) => {
                    progress.finish();
                    return Ok(summary);
                }
                Line::Error { problem } => {
                    progress.finish();
                    return Err(anyhow::Error::from(problem).context("the import stopped; run it again to finish it"));
                }
            }
        }
        ensure!(
            unread.len() <= LONGEST_LINE_BYTES,
            "the platform answered a line without an end"
        );
        match response.chunk().await {
            Ok(Some(chunk)) => unread.extend_from_slice(&chunk),
            Ok(None) => break "the answer ended early".to_owned(),
            Err(error) => break error.to_string(),
        }
    };
    progress.finish();
    bail!("the connection broke while importing ({ended}); run it again to finish it")
}

fn read(line: &[u8]) -> anyhow::Result<Line> {
    serde_json::from_slice(line).with_context(|| {
        let shown: Value = String::from_utf8_lossy(line).into();
        format!("the platform answered a line this does not know: {shown}")
    })
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn file(text: &str) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().expect("a file");
        file.write_all(text.as_bytes()).expect("written");
        file
    }

    #[test]
    fn a_broken_file_is_refused_with_its_place() {
        let broken = file("{\n\"repo\": \"a/b\",\n\"issues\": [}\n");
        let error = format!("{:#}", check(broken.path()).err().expect("refused"));
        assert!(error.contains("line 3 column"), "{error}");
    }

    #[test]
    fn the_name_of_an_archive_is_read() {
        let archive = check(file(r#"{"repo":"a/b","issues":[]}"#).path()).expect("an archive");
        assert_eq!(archive.repo.as_deref(), Some("a/b"));
    }

    #[test]
    fn every_line_of_the_answer_is_understood() {
        let progress = br#"{"type":"progress","issues_done":1,"issues_total":2,"comments_done":3,"comments_total":4}"#;
        assert!(matches!(
            read(progress),
            Ok(Line::Progress {
                issues_total: 2,
                ..
            })
        ));
        let done = br#"{"type":"done","issues_total":2,"comments_total":4,"issues_imported":0,"comments_imported":0}"#;
        assert!(matches!(
            read(done),
            Ok(Line::Done(Summary {
                issues_imported: 0,
                ..
            }))
        ));
        let error = br#"{"type":"error","problem":{"status":503,"code":"unavailable","detail":"later","request_id":"r"}}"#;
        assert!(matches!(read(error), Ok(Line::Error { .. })));
        assert!(read(b"<html>").is_err());
    }
}
