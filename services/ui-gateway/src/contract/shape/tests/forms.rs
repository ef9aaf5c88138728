//! What a schema may say.

use std::collections::BTreeMap;

use schemars::JsonSchema;

use super::Shape;

#[test]
fn a_schema_that_is_not_checked_is_refused() {
    #[derive(JsonSchema)]
    #[expect(dead_code, reason = "only its schema is of use")]
    struct Ratio {
        ratio: f64,
    }

    #[derive(JsonSchema)]
    #[expect(dead_code, reason = "only its schema is of use")]
    struct Patterned {
        #[schemars(regex(pattern = "^a"))]
        name: String,
    }

    #[derive(JsonSchema)]
    #[expect(dead_code, reason = "only its schema is of use")]
    struct Nested {
        inner: Option<Box<Nested>>,
    }

    #[derive(JsonSchema)]
    #[expect(dead_code, reason = "only its schema is of use")]
    enum Tagged {
        Text(String),
        Number { of: u32 },
    }

    #[derive(JsonSchema)]
    #[expect(dead_code, reason = "only its schema is of use")]
    struct Mapped {
        by_name: BTreeMap<String, u32>,
    }

    assert!(Shape::of::<Mapped>().is_err());
    assert!(Shape::of::<Ratio>().is_err());
    assert!(Shape::of::<Patterned>().is_err());
    assert!(Shape::of::<Nested>().is_err());
    assert!(Shape::of::<Tagged>().is_err());
}
