//! What is said where something else is expected.

use std::ops::RangeInclusive;

use super::{Kind, Length};

/// What is expected of a kind.
pub(super) fn of(kind: &Kind) -> String {
    match kind {
        Kind::Flag => "expected true or false".to_owned(),
        Kind::Whole(range) => format!("expected a whole number{}", from_to(range)),
        Kind::Text(_, Some(format)) => format.expected.to_owned(),
        Kind::Text(length, None) => format!("expected text{}", long(length, "character")),
        Kind::Choice(choices) => format!("expected one of: {}", choices.join(", ")),
        Kind::List(length, item) => {
            let of_texts = match item.kind {
                Kind::Text(_, None) => " of texts",
                _ => "",
            };
            format!("expected a list{of_texts}{}", long(length, "item"))
        }
        Kind::Object(_) => "expected an object".to_owned(),
    }
}

/// The bounds of a number, where they are others than its type's.
fn from_to(range: &RangeInclusive<i128>) -> String {
    let of_type = [u32::MAX.into(), u64::MAX.into()].contains(range.end());
    match (range.start(), range.end()) {
        (0, _) if of_type => String::new(),
        (least, _) if of_type => format!(" from {least}"),
        (least, most) => format!(" from {least} to {most}"),
    }
}

fn long(length: &Length, what: &str) -> String {
    match (*length.start(), *length.end()) {
        (0, usize::MAX) => String::new(),
        (least, usize::MAX) => format!(" of at least {}", plural(least, what)),
        (0, most) => format!(" of at most {}", plural(most, what)),
        (least, most) => format!(" of {least} to {}", plural(most, what)),
    }
}

fn plural(count: usize, what: &str) -> String {
    match count == 1 {
        true => format!("{count} {what}"),
        false => format!("{count} {what}s"),
    }
}
