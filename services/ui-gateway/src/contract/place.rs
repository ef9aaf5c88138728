//! Where something stands in a document.

use std::fmt;

/// A place in a document: `labels[2]`, `suggestion.kind`. It lives on the stack, and is written out for a
/// fault alone.
#[derive(Clone, Copy, Debug)]
pub(super) enum Place<'a> {
    /// The whole document.
    Root,
    /// A field of an object.
    Field(&'a Place<'a>, &'a str),
    /// An item of a list.
    Item(&'a Place<'a>, usize),
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => Ok(()),
            Self::Field(Self::Root, name) => f.write_str(name),
            Self::Field(of, name) => write!(f, "{of}.{name}"),
            Self::Item(of, index) => write!(f, "{of}[{index}]"),
        }
    }
}

/// For a checker, which writes out no more of them than it names: the others would cost their length each.
impl From<Place<'_>> for String {
    fn from(place: Place<'_>) -> Self {
        place.to_string()
    }
}
