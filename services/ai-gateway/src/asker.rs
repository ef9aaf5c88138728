//! Who asks, and in which request.

use identity::Caller;
use service_kit::RequestContext;
use uuid::Uuid;

/// A caller and their request.
pub(crate) struct Asker {
    pub(crate) caller: Caller,
    pub(crate) context: RequestContext,
}

impl Asker {
    /// Account id.
    pub(crate) fn user_id(&self) -> Uuid {
        self.caller.user().id
    }
}
