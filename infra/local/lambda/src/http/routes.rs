//! Finds the route of an HTTP API that a request matches.
//!
//! A full match of path and method comes before a match by a greedy path variable, and `$default` comes
//! last: <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-routes.html#http-api-develop-routes.evaluation>.
//! Among equal matches, a literal segment comes before a variable, from left to right, and a method comes
//! before `ANY`. A variable does not match an empty segment, so `/pets/` matches neither `/pets` nor
//! `/pets/{id}`.

use std::collections::BTreeMap;

use percent_encoding::percent_decode_str;

use template::{ANY_METHOD, DEFAULT_ROUTE, HttpRoute};

/// The routes of an API, in the order in which they are tried.
pub(super) struct Routes {
    routes: Vec<Route>,
}

struct Route {
    declared: HttpRoute,
    segments: Vec<Segment>,
}

enum Segment {
    Literal(String),
    Variable(String),
    /// A variable for the rest of the path.
    Greedy(String),
}

/// The route that a request matches.
pub(super) struct MatchedRoute<'a> {
    pub(super) route: &'a HttpRoute,
    pub(super) path_parameters: BTreeMap<String, String>,
}

impl Routes {
    pub(super) fn new(declared: &[HttpRoute]) -> Self {
        let mut routes: Vec<Route> = declared.iter().map(Route::new).collect();
        routes.sort_by_cached_key(Route::rank);
        Self { routes }
    }

    /// Finds the route of a request. The path is still percent-encoded.
    pub(super) fn find(&self, method: &str, path: &str) -> Option<MatchedRoute<'_>> {
        let path: Vec<String> = segments(path)
            .map(|segment| percent_decode_str(segment).decode_utf8_lossy().into_owned())
            .collect();
        self.routes.iter().find_map(|route| {
            let path_parameters = route.parameters(method, &path)?;
            Some(MatchedRoute { route: &route.declared, path_parameters })
        })
    }
}

impl Route {
    fn new(declared: &HttpRoute) -> Self {
        let segments = if declared.path == DEFAULT_ROUTE {
            Vec::new()
        } else {
            segments(&declared.path).map(Segment::of).collect()
        };
        Self { declared: declared.clone(), segments }
    }

    /// The sort key: the kind of match, the kind of each segment, and whether any method matches.
    fn rank(&self) -> (u8, Vec<u8>, bool) {
        let is_greedy = matches!(self.segments.last(), Some(Segment::Greedy(_)));
        let kind = if self.declared.path == DEFAULT_ROUTE { 2 } else { u8::from(is_greedy) };
        let segments = self.segments.iter().map(|segment| match segment {
            Segment::Literal(_) => 0,
            Segment::Variable(_) => 1,
            Segment::Greedy(_) => 2,
        });
        (kind, segments.collect(), self.declared.method == ANY_METHOD)
    }

    /// The values of the path variables; `None` if the route does not match.
    fn parameters(&self, method: &str, path: &[String]) -> Option<BTreeMap<String, String>> {
        if self.declared.path == DEFAULT_ROUTE {
            return Some(BTreeMap::new());
        }
        if self.declared.method != ANY_METHOD && self.declared.method != method {
            return None;
        }
        let mut parameters = BTreeMap::new();
        let mut path = path.iter();
        for segment in &self.segments {
            let value = path.next()?;
            match segment {
                Segment::Literal(literal) if literal == value => {}
                Segment::Variable(name) if !value.is_empty() => {
                    parameters.insert(name.clone(), value.clone());
                }
                Segment::Greedy(name) => {
                    let rest = path.by_ref().fold(value.clone(), |rest, next| rest + "/" + next);
                    if rest.is_empty() {
                        return None;
                    }
                    parameters.insert(name.clone(), rest);
                }
                Segment::Literal(_) | Segment::Variable(_) => return None,
            }
        }
        path.next().is_none().then_some(parameters)
    }
}

impl Segment {
    fn of(text: &str) -> Self {
        let Some(name) = text.strip_prefix('{').and_then(|text| text.strip_suffix('}')) else {
            return Self::Literal(text.to_owned());
        };
        match name.strip_suffix('+') {
            Some(name) => Self::Greedy(name.to_owned()),
            None => Self::Variable(name.to_owned()),
        }
    }
}

fn segments(path: &str) -> impl Iterator<Item = &str> {
    path.strip_prefix('/').unwrap_or(path).split('/')
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn routes(keys: &[&str]) -> Routes {
        Routes::new(&keys.iter().map(|key| route(key)).collect::<Vec<_>>())
    }

    fn route(key: &str) -> HttpRoute {
        let (method, path) = key.split_once(' ').unwrap_or((ANY_METHOD, key));
        HttpRoute {
            logical_id: String::new(),
            function: String::new(),
            method: method.to_owned(),
            path: path.to_owned(),
            timeout: Duration::from_secs(30),
        }
    }

    #[track_caller]
    fn check(routes: &Routes, request: &str, expected: Option<(&str, &[(&str, &str)])>) {
        let (method, path) = request.split_once(' ').unwrap();
        let taken = routes.find(method, path);
        let found = taken.map(|taken| (taken.route.key(), taken.path_parameters));
        let expected = expected.map(|(key, parameters)| {
            let parameters =
                parameters.iter().map(|&(name, value)| (name.to_owned(), value.to_owned()));
            (key.to_owned(), parameters.collect())
        });
        assert_eq!(found, expected, "{request}");
    }

    #[test]
    fn the_documentations_example_is_routed_as_it_says() {
        let routes = routes(&[
            "$default",
            "ANY /{proxy+}",
            "GET /pets/{proxy+}",
            "GET /pets/dog/{id}",
            "GET /pets/dog/1",
        ]);
        check(&routes, "GET /pets/dog/1", Some(("GET /pets/dog/1", &[])));
        check(&routes, "GET /pets/dog/2", Some(("GET /pets/dog/{id}", &[("id", "2")])));
        check(&routes, "GET /pets/cat/1", Some(("GET /pets/{proxy+}", &[("proxy", "cat/1")])));
        check(&routes, "POST /test/5", Some(("ANY /{proxy+}", &[("proxy", "test/5")])));
        check(&routes, "GET /", Some(("$default", &[])));
    }

    #[test]
    fn a_method_comes_before_any_and_a_literal_before_a_variable() {
        let routes =
            routes(&["ANY /a/{x}", "GET /a/{x}", "POST /a/b", "ANY /{y}/c", "GET /{y}/{z}/d"]);
        check(&routes, "GET /a/1", Some(("GET /a/{x}", &[("x", "1")])));
        check(&routes, "PUT /a/1", Some(("ANY /a/{x}", &[("x", "1")])));
        check(&routes, "POST /a/b", Some(("POST /a/b", &[])));
        check(&routes, "GET /a/b", Some(("GET /a/{x}", &[("x", "b")])));
        check(&routes, "GET /a/c", Some(("GET /a/{x}", &[("x", "c")])));
        check(&routes, "GET /b/c", Some(("ANY /{y}/c", &[("y", "b")])));
        check(&routes, "GET /a/b/d", Some(("GET /{y}/{z}/d", &[("y", "a"), ("z", "b")])));
    }

    #[test]
    fn without_a_match_there_is_no_route() {
        let routes = routes(&["GET /pets", "GET /pets/{id}", "GET /files/{rest+}"]);
        for request in
            ["GET /", "POST /pets", "GET /pets/", "GET /pets/1/2", "GET /Pets", "GET /files/"]
        {
            check(&routes, request, None);
        }
    }

    #[test]
    fn parameters_are_decoded_after_the_path_is_split() {
        let routes = routes(&["GET /a b/{x}", "GET /files/{rest+}"]);
        check(&routes, "GET /a%20b/c%2Fd%C3%A9", Some(("GET /a b/{x}", &[("x", "c/d\u{e9}")])));
        let rest = Some(("GET /files/{rest+}", [("rest", "a//b c/")].as_slice()));
        check(&routes, "GET /files/a//b%20c/", rest);
    }
}
