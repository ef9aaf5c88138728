//! Operations: who may call, what is sent, what is answered. Their `operationId` is not compared yet.

use serde_json::Value;

use super::comparison::{Comparison, Direction, list, object, resolved};

impl Comparison<'_> {
    pub fn operation(&self, released: &Value, now: &Value, place: &str) -> Vec<String> {
        let mut faults = callers(released, now, place);
        faults.extend(self.parameters(released, now, place));
        faults.extend(self.body(&released["requestBody"], &now["requestBody"], place));
        faults.extend(self.answers(&released["responses"], &now["responses"], place));
        faults
    }

    fn parameters(&self, released: &Value, now: &Value, place: &str) -> Vec<String> {
        let mut faults = Vec::new();
        let (released, now) = (list(&released["parameters"]), list(&now["parameters"]));
        for before in released {
            let place = format!("{place} {} {}", text(&before["in"]), text(&before["name"]));
            match now.iter().find(|after| is_same(before, after)) {
                Some(after) => faults.extend(self.schema(
                    Direction::Sent,
                    &before["schema"],
                    &after["schema"],
                    &place,
                )),
                None => faults.push(format!("{place} is gone")),
            }
        }
        let was_required = |after: &Value| {
            let before = released.iter().find(|before| is_same(before, after));
            before.is_some_and(|before| before["required"] == true)
        };
        let required = now.iter().filter(|after| after["required"] == true);
        faults.extend(
            required
                .filter(|after| !was_required(after))
                .map(|after| format!("{place} needs {} now", text(&after["name"]))),
        );
        faults
    }

    fn body(&self, released: &Value, now: &Value, place: &str) -> Vec<String> {
        let place = format!("{place} body");
        let mut faults = self.content(Direction::Sent, released, now, &place);
        if now["required"] == true && released["required"] != true {
            faults.push(format!("{place} has to be there now"));
        }
        faults
    }

    fn answers(&self, released: &Value, now: &Value, place: &str) -> Vec<String> {
        let statuses = object(released);
        statuses
            .flat_map(|(status, before)| {
                let place = format!("{place} {status}");
                match now.get(status) {
                    Some(after) => self.answer(before, after, &place),
                    None => vec![format!("{place} is gone")],
                }
            })
            .collect()
    }

    fn answer(&self, released: &Value, now: &Value, place: &str) -> Vec<String> {
        let released = resolved(self.released, released);
        let now = resolved(self.now, now);
        let mut faults = self.content(Direction::Answered, released, now, place);
        let headers = object(&released["headers"]).map(|(name, _)| name);
        faults.extend(
            headers
                .filter(|name| now["headers"].get(name.as_str()).is_none())
                .map(|name| format!("{place} header {name} is gone")),
        );
        faults
    }

    fn content(
        &self,
        direction: Direction,
        released: &Value,
        now: &Value,
        place: &str,
    ) -> Vec<String> {
        object(&released["content"])
            .flat_map(|(kind, before)| match now["content"].get(kind) {
                Some(after) => self.schema(direction, &before["schema"], &after["schema"], place),
                None => vec![format!("{place} as {kind} is gone")],
            })
            .collect()
    }
}

/// An empty list lets in anyone.
fn callers(released: &Value, now: &Value, place: &str) -> Vec<String> {
    let (released, now) = (list(&released["security"]), list(&now["security"]));
    let is_public = now.is_empty();
    if released.is_empty() && !is_public {
        return vec![format!("{place} lets in who signed in alone now")];
    }
    let lost = released.iter().filter(|way| !now.contains(way));
    lost.filter(|_| !is_public)
        .map(|way| format!("{place} no longer lets in by {way}"))
        .collect()
}

fn is_same(one: &Value, other: &Value) -> bool {
    one["in"] == other["in"] && one["name"] == other["name"]
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
