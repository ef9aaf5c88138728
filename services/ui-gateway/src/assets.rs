//! The web app's files, embedded when the gateway was built.

/// One file of the web app.
#[derive(Debug)]
pub(crate) struct Asset {
    /// Its path on the site.
    pub(crate) path: &'static str,
    pub(crate) content_type: &'static str,
    /// A tag of its content, quoted.
    pub(crate) etag: &'static str,
    pub(crate) bytes: &'static [u8],
    /// The same bytes for browsers that take gzip, where that is smaller.
    pub(crate) gzip: Option<&'static [u8]>,
}

include!(concat!(env!("OUT_DIR"), "/assets.rs"));

/// The file at this path.
pub(crate) fn find(path: &str) -> Option<&'static Asset> {
    let index = ASSETS.binary_search_by(|asset| asset.path.cmp(path)).ok()?;
    ASSETS.get(index)
}
