//! The order of cards in a column: fractional indexing, so that a move writes one row.

use fractional_index::FractionalIndex;

/// A position after `before` and before `after`; `None` is the column's end on that side. Texts sort
/// bytewise. `None` when the neighbours are not in order.
pub fn between(before: Option<&str>, after: Option<&str>) -> Option<String> {
    let read = |text: &str| FractionalIndex::from_string(text).ok();
    let index = match (before, after) {
        (None, None) => FractionalIndex::default(),
        (Some(before), None) => FractionalIndex::new_after(&read(before)?),
        (None, Some(after)) => FractionalIndex::new_before(&read(after)?),
        (Some(before), Some(after)) => FractionalIndex::new_between(&read(before)?, &read(after)?)?,
    };
    Some(index.to_string())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

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
    }

    #[test]
    fn a_long_column_keeps_short_positions() {
        let mut last: Option<String> = None;
        for _ in 0..10_000 {
            last = between(last.as_deref(), None);
        }
        assert!(last.expect("a position").len() < 200);
    }
}
