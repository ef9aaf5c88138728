//! The order of cards in a column, so that a move writes one row.
//!
//! A position is a number and a fraction, both of base-62 digits, written so that positions sort
//! bytewise. The number's first character, its head, tells how many digits follow: `p0` to `pz`, then
//! `q00` to `qzz`, and so on; below `p0` is `oz` down to `o0`, then `nzz`. So appending counts up and
//! stays short. The fraction is what an insertion between two neighbouring numbers needs: `p4V` is
//! between `p4` and `p5`. It never ends in `0`: nothing would be between `p4` and `p40`.

use std::ops::RangeInclusive;

/// From the lowest to the highest, as bytes sort.
const DIGITS: &[u8; BASE as usize] =
    b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

const BASE: u8 = 62;
const LOWEST: u8 = b'0';
const HIGHEST: u8 = b'z';

/// Heads of numbers: `o` has one digit as `p` has, and away from there each has one more.
const HEADS: RangeInclusive<u8> = b'g'..=b'z';

/// Where a column begins.
const FIRST: &str = "p0";

/// A position after `before` and before `after`; `None` is the column's end on that side. `None` when
/// the neighbours are not positions in order.
pub fn between(before: Option<&str>, after: Option<&str>) -> Option<String> {
    match (before, after) {
        (None, None) => Some(FIRST.to_owned()),
        (Some(before), None) => number_after(split(before)?.0),
        (None, Some(after)) => number_before(split(after)?.0),
        (Some(before), Some(after)) if before < after => inside(before, after),
        (Some(_), Some(_)) => None,
    }
}

fn inside(before: &str, after: &str) -> Option<String> {
    let (number, fraction) = split(before)?;
    let (other, limit) = split(after)?;
    if number == other {
        return Some(format!("{number}{}", fraction_between(fraction, limit)));
    }
    let next = number_after(number)?;
    if next.as_str() < after {
        return Some(next);
    }
    Some(format!("{number}{}", fraction_between(fraction, "")))
}

/// The number and the fraction of a position.
fn split(position: &str) -> Option<(&str, &str)> {
    let (head, digits) = position.as_bytes().split_first()?;
    if !HEADS.contains(head) || !digits.iter().all(u8::is_ascii_alphanumeric) {
        return None;
    }
    let parts = position.split_at_checked(1 + digits_of(*head))?;
    (!parts.1.ends_with(char::from(LOWEST))).then_some(parts)
}

/// How many digits a number with this head has.
fn digits_of(head: u8) -> usize {
    let away = if head < b'p' {
        b'o' - head
    } else {
        head - b'p'
    };
    usize::from(away) + 1
}

fn number_after(number: &str) -> Option<String> {
    step(number, HIGHEST, LOWEST, |it| it + 1)
}

fn number_before(number: &str) -> Option<String> {
    step(number, LOWEST, HIGHEST, |it| it - 1)
}

/// Steps the last digit that is not at its `end`; those behind it begin `anew`. When all are at their
/// end, the head steps and has digits of its own.
fn step(number: &str, end: u8, anew: u8, next: fn(u8) -> u8) -> Option<String> {
    let (head, digits) = number.as_bytes().split_first()?;
    let mut digits = digits.to_vec();
    let mut head = *head;
    if let Some(place) = digits.iter().rposition(|digit| *digit != end) {
        digits[place] = digit(next(value(digits[place])));
        digits[place + 1..].fill(anew);
    } else {
        head = next(head);
        digits = vec![anew; digits_of(head)];
    }
    digits.insert(0, head);
    let stepped = String::from_utf8(digits).ok()?;
    HEADS.contains(&head).then_some(stepped)
}

/// A fraction after `before` and before `after`, where an empty `after` is 1.
fn fraction_between(before: &str, after: &str) -> String {
    let (before, mut after) = (before.as_bytes(), after.as_bytes());
    let mut fraction = String::new();
    for place in 0.. {
        let low = before.get(place).map_or(0, |digit| value(*digit));
        let high = after.get(place).map_or(BASE, |digit| value(*digit));
        let goes_on = after.len() > place + 1;
        let chosen = match high - low {
            0 => low,
            1 if goes_on => high,
            1 => low,
            _ => low.midpoint(high),
        };
        fraction.push(char::from(digit(chosen)));
        if chosen > low {
            break;
        }
        if high > low {
            // Whatever follows is before `after` by this digit.
            after = &[];
        }
    }
    fraction
}

fn value(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        b'A'..=b'Z' => digit - b'A' + 10,
        _ => digit - b'a' + 36,
    }
}

fn digit(value: u8) -> u8 {
    DIGITS[usize::from(value)]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn position() -> impl Strategy<Value = String> {
        let digits = "[0-9A-Za-z]{11}";
        // A few heads and digits are met often, so that neighbours share what they begin with.
        let head = prop_oneof![Just('o'), Just('p'), Just('q'), prop::char::range('g', 'z')];
        let fraction = "([0Vz]{0,3}[1Vz])?|([0-9A-Za-z]{0,4}[1-9A-Za-z])?";
        (head, prop_oneof!["[0z]{11}", digits], fraction).prop_map(|(head, digits, fraction)| {
            let number = &digits[..digits_of(head as u8)];
            format!("{head}{number}{fraction}")
        })
    }

    proptest! {
        #[test]
        fn any_sequence_of_insertions_stays_in_order(places in prop::collection::vec(0usize..1000, 1..200)) {
            let mut column: Vec<String> = Vec::new();
            for place in places {
                let at = place % (column.len() + 1);
                let before = at.checked_sub(1).map(|index| column[index].clone());
                let after = column.get(at).cloned();
                let position = between(before.as_deref(), after.as_deref()).expect("neighbours are in order");
                column.insert(at, position);
            }
            prop_assert!(column.windows(2).all(|pair| pair[0].as_bytes() < pair[1].as_bytes()));
        }

        #[test]
        fn between_any_two_is_another(one in position(), other in position()) {
            let (low, high) = if one < other { (one, other) } else { (other, one) };
            let found = between(Some(&low), Some(&high));
            prop_assert_eq!(found.is_some(), low != high);
            if let Some(found) = found {
                prop_assert!(low < found && found < high, "{} {} {}", low, found, high);
                prop_assert!(split(&found).is_some(), "{}", found);
                prop_assert!(found.len() <= low.len().max(high.len()) + 1, "{} {} {}", low, found, high);
            }
        }

        #[test]
        fn before_and_after_any_is_another(position in position()) {
            // A column does not come to the last of all numbers.
            prop_assume!(!position.starts_with(['g', 'z']));
            let (before, after) = (between(None, Some(&position)), between(Some(&position), None));
            prop_assert!(before.expect("one before") < position);
            prop_assert!(after.expect("one after") > position);
        }

        #[test]
        fn no_text_is_taken_for_a_position_that_cannot_have_neighbours(text in "\\PC{0,6}") {
            if let Some(after) = between(Some(&text), None) {
                prop_assert!(between(Some(&text), Some(&after)).is_some());
            }
        }
    }

    #[test]
    fn a_long_column_keeps_short_positions() {
        let mut ends = (FIRST.to_owned(), FIRST.to_owned());
        for _ in 0..100_000 {
            let first = between(None, Some(&ends.0)).expect("one before");
            let last = between(Some(&ends.1), None).expect("one after");
            assert!(first < ends.0 && ends.1 < last, "{first} {last}");
            ends = (first, last);
        }
        assert_eq!((ends.0.len(), ends.1.len()), (4, 4));
    }

    #[test]
    fn inserting_at_one_place_grows_by_a_character_in_five() {
        let mut next = "p1".to_owned();
        for _ in 0..1000 {
            next = between(Some(FIRST), Some(&next)).expect("neighbours are in order");
        }
        assert!(next.len() < 210, "{next}");
    }

    #[test]
    fn what_is_no_position_has_no_neighbours() {
        for text in [
            "", "80", "81ff", "p", "q0", "p40", "p4 ", "p4.", "{0", "p\u{e9}",
        ] {
            assert_eq!(between(Some(text), None), None, "{text}");
            assert_eq!(between(None, Some(text)), None, "{text}");
        }
        assert_eq!(between(Some("p1"), Some("p1")), None);
        assert_eq!(between(Some("p2"), Some("p1")), None);
        assert_eq!(between(Some("zzzzzzzzzzzz"), None), None);
    }
}
