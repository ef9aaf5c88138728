//! What an archive costs at most, whatever is in it.

use std::{fs, iter};

use service_kit::Code;
use test_kit::Platform;

use super::import;
use crate::{Room, beside::alone};

/// Bytes of an archive, near the largest that is taken.
const SIZE: usize = 60_000_000;

/// Times its size that an archive may take at most.
const TIMES: usize = 3;

/// What any import takes beside: buffers of its way here, batches, and what the allocator keeps.
const BASE: usize = 48 << 20;

/// The service's memory.
struct Memory {
    pid: u32,
    before: usize,
}

impl Memory {
    /// From now on.
    fn watch(platform: &mut Platform) -> Self {
        let pid = platform.service("project-service").pid().expect("it runs");
        // <https://www.kernel.org/doc/html/latest/filesystems/proc.html>: 5 resets the peak.
        fs::write(format!("/proc/{pid}/clear_refs"), "5").expect("the peak is reset");
        let before = bytes(pid, "VmRSS:");
        Self { pid, before }
    }

    /// How much it has grown at most.
    fn growth(&self) -> usize {
        bytes(self.pid, "VmHWM:").saturating_sub(self.before)
    }
}

fn bytes(pid: u32, field: &str) -> usize {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix(field));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
    let kib = kib.and_then(|kib| kib.trim().parse::<usize>().ok());
    kib.expect("a number of KiB") * 1024
}

const TIME: &str = "2019-01-01T10:00:00Z";

/// An issue with these further fields.
fn issue(id: usize, fields: &str) -> String {
    format!(r#"{{"id":"{id}","number":1,"title":"x","state":"OPEN","createdAt":"{TIME}"{fields}}}"#)
}

fn whole(repo: &str, issues: &str) -> Vec<u8> {
    format!(r#"{{"repo":"{repo}","issues":[{issues}]}}"#).into_bytes()
}

/// Entries of a list, until they are as large as an archive may be.
fn many(entry: impl Fn(usize) -> String) -> String {
    let mut list = String::with_capacity(SIZE + 1000);
    let more = iter::successors(Some(0), |number| Some(number + 1));
    for number in more {
        list.push_str(&entry(number));
        if list.len() >= SIZE {
            return list;
        }
        list.push(',');
    }
    list
}

/// Archives of many parts, or of one that is very long, each with a fault, and where it is.
fn wrong() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let one = |fields: String| whole("o/r", &issue(1, &fields));
    let labels = many(|_| r#""x""#.to_owned());
    let comments = many(|_| format!(r#"{{"createdAt":"{TIME}"}}"#));
    let bad_comments = many(|_| format!(r#"{{"createdAt":"{TIME}","body":"\u0000"}}"#));
    let issues = many(|id| issue(id, ""));
    let twins = many(|_| issue(1, ""));
    let labelled = r#","labels":["#.to_owned() + &["\"x\""; 32].join(",") + "]";
    let labelled = many(|id| issue(id, &labelled));
    // What NFC makes three times as long, and what a quote makes longer.
    let text = "\u{1d160}".repeat(SIZE / 4);
    let unprintable = "\\n\u{e0001}".repeat(SIZE / 6);
    let last = issue(0, r#","author":"\u0000""#);
    vec![
        (
            "labels",
            one(format!(r#","labels":[{labels}]"#)),
            "issues[0].labels",
        ),
        (
            "comments",
            one(format!(r#","author":"\u0000","comments":[{comments}]"#)),
            "issues[0].author",
        ),
        (
            "faults",
            one(format!(r#","comments":[{bad_comments}]"#)),
            "issues[0].comments[0].body",
        ),
        (
            "issues of a long name",
            whole(&"\u{1f600}".repeat(301), &issues),
            "repo",
        ),
        ("twins", whole("o/r", &twins), "issues[1].id"),
        (
            "labels of many issues",
            whole("o/r", &format!("{last},{labelled}")),
            "issues[0].author",
        ),
        (
            "a body",
            one(format!(r#","body":"{text}""#)),
            "issues[0].body",
        ),
        (
            "a text for a time",
            one(format!(r#","updatedAt":"{unprintable}""#)),
            "issues[0].updatedAt",
        ),
        (
            "a text for an archive",
            format!("\"{unprintable}\"").into_bytes(),
            "archive",
        ),
    ]
}

#[tokio::test]
async fn an_archive_takes_three_times_its_size_at_most_whatever_is_in_it() {
    let _alone = alone().await;
    // They are more than a person may send in a day.
    let unbounded = Platform::builder().set("limits.import_bytes_per_day", "0");
    let Room {
        mut platform,
        person,
        project,
    } = Room::on(unbounded.start().await).await;
    let bystander = platform.person().await;
    let its_project = bystander.create_project("BESIDE").await;
    for (what, archive, place) in wrong() {
        let memory = Memory::watch(&mut platform);
        let answer = import(&platform, &person, &project, &archive).await;
        let problem = answer.expect_err(what);
        assert_eq!(problem.code, Code::Invalid, "{what}: {problem}");
        assert_eq!(problem.errors[0].field, place, "{what}");
        let (growth, allowed) = (memory.growth(), TIMES * archive.len() + BASE);
        assert!(
            growth <= allowed,
            "{what}: {growth} bytes for {}",
            archive.len()
        );
        bystander.create_task(&its_project, what).await;
    }
}

#[tokio::test]
async fn an_archive_that_is_written_takes_no_more() {
    let _alone = alone().await;
    let Room {
        mut platform,
        person,
        project,
    } = Room::open().await;
    let body = "\u{1f600}".repeat(65_536);
    let count = SIZE / body.len();
    let comment = format!(r#"{{"createdAt":"{TIME}","body":"{body}"}}"#);
    let comments = vec![comment; count].join(",");
    let archive = whole("o/r", &issue(1, &format!(r#","comments":[{comments}]"#)));
    let memory = Memory::watch(&mut platform);
    let done = import(&platform, &person, &project, &archive).await;
    assert_eq!(done.expect("imported").comments_imported as usize, count);
    let growth = memory.growth();
    assert!(growth <= TIMES * archive.len() + BASE, "{growth} bytes");
}
