//! The parameters of a URL.

use std::str::FromStr;

use actix_web::web::Query;
use redis_contracts::Timestamp;
use rpc::project;
use service_kit::Problem;

/// The parameters of a URL.
pub(super) struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// Those of a query string; what cannot be read has none.
    pub(super) fn parse_all(query: &str) -> Self {
        let pairs = Query::<Vec<(String, String)>>::from_query(query);
        Self(pairs.map(Query::into_inner).unwrap_or_default())
    }

    /// A parameter that is there and not empty.
    pub(super) fn get(&self, name: &str) -> Option<String> {
        let found = self
            .0
            .iter()
            .find(|(given, value)| given == name && !value.is_empty());
        found.map(|(_, value)| value.clone())
    }

    /// A parameter of a type; the error names it and says what is expected.
    pub(super) fn parse<T: FromStr>(
        &self,
        name: &str,
        expected: &str,
    ) -> Result<Option<T>, Problem> {
        let parsed = self.get(name).map(|value| value.parse::<T>());
        parsed
            .transpose()
            .map_err(|_| Problem::invalid_field(name, expected))
    }

    /// `limit`; 0, the service's default, when it is not there.
    pub(super) fn limit(&self) -> Result<u32, Problem> {
        const EXPECTED: &str = "expected a whole number from 1 to 200";
        let limit = self.parse::<u32>("limit", EXPECTED)?;
        match limit {
            None => Ok(0),
            Some(limit @ 1..=200) => Ok(limit),
            Some(_) => Err(Problem::invalid_field("limit", EXPECTED)),
        }
    }

    /// A moment.
    pub(super) fn moment(&self, name: &str) -> Result<Option<Timestamp>, Problem> {
        self.parse(name, "expected a time such as 2026-01-31T12:00:00Z")
    }

    /// `limit` and `cursor`.
    pub(super) fn page(&self) -> Result<project::Page, Problem> {
        Ok(project::Page {
            limit: self.limit()?,
            cursor: self.get("cursor").unwrap_or_default(),
        })
    }
}

#[cfg(test)]
mod tests {
    use service_kit::Code;

    use super::*;

    #[test]
    fn a_limit_is_1_to_200() {
        for (query, limit) in [("", 0), ("limit=1", 1), ("limit=200&x=y", 200)] {
            assert_eq!(Parameters::parse_all(query).limit(), Ok(limit), "{query}");
        }
        for query in [
            "limit=0",
            "limit=201",
            "limit=-1",
            "limit=ten",
            "limit=99999999999999",
        ] {
            let problem = Parameters::parse_all(query).limit().expect_err(query);
            assert_eq!(
                (problem.code, problem.errors[0].field.as_str()),
                (Code::Invalid, "limit")
            );
        }
    }

    #[test]
    fn text_is_decoded() {
        assert_eq!(
            Parameters::parse_all("q=a+b%26c&label=%C3%A9")
                .get("q")
                .as_deref(),
            Some("a b&c")
        );
    }
}
