//! CloudEvents 1.0 JSON format, <https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md>.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

use super::{Event, EventBody, LONGEST_TEXT, cut::cut};
use crate::{DecodeError, Timestamp};

const SPEC_VERSION: &str = "1.0";
const CONTENT_TYPE: &str = "application/json";

#[derive(Serialize, Deserialize)]
struct Envelope<'a> {
    specversion: Cow<'a, str>,
    id: Uuid,
    source: Cow<'a, str>,
    #[serde(rename = "type")]
    type_name: Cow<'a, str>,
    subject: Cow<'a, str>,
    time: Timestamp,
    #[serde(default = "default_content_type")]
    datacontenttype: Cow<'a, str>,
    #[serde(default)]
    traceparent: Option<Cow<'a, str>>,
    actor: Uuid,
    #[serde(default)]
    project_id: Option<Uuid>,
    data: Box<RawValue>,
}

const fn default_content_type() -> Cow<'static, str> {
    Cow::Borrowed(CONTENT_TYPE)
}

impl Event {
    /// The JSON text as it is stored, appended and sent, its long texts cut.
    pub fn encode(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(&Envelope {
            specversion: Cow::Borrowed(SPEC_VERSION),
            id: self.id,
            source: Cow::Borrowed(&self.source),
            type_name: Cow::Borrowed(self.body.type_name()),
            subject: Cow::Borrowed(&self.subject),
            time: self.time,
            datacontenttype: default_content_type(),
            traceparent: self.traceparent.as_deref().map(Cow::Borrowed),
            actor: self.actor,
            project_id: self.project_id,
            data: cut(self.body.data_json()?)?,
        })
    }

    /// An event that was stored when long texts still stood whole, with these cut.
    pub fn cut_stored(text: String) -> String {
        // One that is no longer than a text that stands whole has none to cut.
        if text.len() <= LONGEST_TEXT {
            return text;
        }
        let cut_now = || {
            let envelope: Envelope<'_> = serde_json::from_str(&text)?;
            let data = cut(envelope.data)?;
            serde_json::to_string(&Envelope { data, ..envelope })
        };
        // What is no event is nothing to cut.
        cut_now().unwrap_or(text)
    }

    /// The JSON text up to the value of its last field, for a script that writes the rest.
    pub(crate) fn encode_open(&self, last_value: &str) -> Result<String, serde_json::Error> {
        let mut text = self.encode()?;
        text.truncate(text.len().saturating_sub(last_value.len()));
        Ok(text)
    }

    /// Reads an event. A type or version that is not known becomes [`EventBody::Unknown`]; text that
    /// is no CloudEvent of version 1.0 is an error that says why.
    pub fn decode(text: &str) -> Result<Self, DecodeError> {
        // A list would be read as the fields in their order.
        require_object(text, "the event")?;
        let envelope: Envelope<'_> =
            serde_json::from_str(text).map_err(|error| DecodeError(error.to_string()))?;
        if envelope.specversion != SPEC_VERSION {
            return Err(DecodeError(format!(
                "specversion {} is not {SPEC_VERSION}",
                envelope.specversion
            )));
        }
        require_object(envelope.data.get(), "data")?;
        let body = EventBody::from_parts(envelope.type_name.into_owned(), envelope.data.get())
            .map_err(|error| DecodeError(format!("data: {error}")))?;
        Ok(Self {
            id: envelope.id,
            source: envelope.source.into_owned(),
            subject: envelope.subject.into_owned(),
            time: envelope.time,
            traceparent: envelope.traceparent.map(Cow::into_owned),
            actor: envelope.actor,
            project_id: envelope.project_id,
            body,
        })
    }
}

fn require_object(json: &str, what: &str) -> Result<(), DecodeError> {
    match json.trim_start().chars().next() {
        Some('[' | '"') => Err(DecodeError(format!("{what} is no JSON object"))),
        _ => Ok(()),
    }
}
