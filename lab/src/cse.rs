//! The resource that the IN-CSE of the laboratory holds: its CSEBase, to be retrieved over the HTTP binding.
//!
//! Enough of oneM2M to show that the session key carries a real request; a CSE proper stands behind a NAF of
//! its own.

use base::Utc;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};

/// The CSE-ID of the laboratory's IN-CSE.
pub const CSE_ID: &str = "/in-cse";
/// Its resource name, and the path of the CSEBase.
pub const CSE_PATH: &str = "/cse-in";

/// Response status codes (oneM2M TS-0004 6.6.3) with the HTTP status that TS-0009 6.3.2 maps them to.
#[derive(Clone, Copy)]
enum Rsc {
    Ok,
    BadRequest,
    NotFound,
    NotAllowed,
}

impl Rsc {
    const fn codes(self) -> (&'static str, StatusCode) {
        match self {
            Self::Ok => ("2000", StatusCode::OK),
            Self::BadRequest => ("4000", StatusCode::BAD_REQUEST),
            Self::NotFound => ("4004", StatusCode::NOT_FOUND),
            Self::NotAllowed => ("4005", StatusCode::METHOD_NOT_ALLOWED),
        }
    }
}

/// A RETRIEVE of the CSEBase (TS-0009 6.2.1), as the device sends it.
///
/// # Errors
/// If `host` or `originator` can't stand in a header.
pub fn retrieve(host: &str, originator: &str, request_id: &str) -> Result<Request<Bytes>, http::Error> {
    Request::builder()
        .method(Method::GET)
        .uri(CSE_PATH)
        .header(header::HOST, host)
        .header(header::ACCEPT, "application/json")
        .header("X-M2M-Origin", originator)
        .header("X-M2M-RI", request_id)
        .header("X-M2M-RVI", "3")
        .body(Bytes::new())
}

/// Answers one request primitive.
#[must_use]
pub fn answer(request: &Request<Bytes>, created: Utc) -> Response<Bytes> {
    let (rsc, body) = decide(request, created);
    let (code, status) = rsc.codes();
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert("X-M2M-RSC", HeaderValue::from_static(code));
    for name in ["X-M2M-RI", "X-M2M-RVI"] {
        if let Some(value) = request.headers().get(name) {
            headers.insert(name, value.clone());
        }
    }
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn decide(request: &Request<Bytes>, created: Utc) -> (Rsc, Bytes) {
    let has = |headers: &HeaderMap, name: &str| headers.get(name).is_some_and(|v| !v.is_empty());
    let dbg = |text: &str| Bytes::from(format!(r#"{{"m2m:dbg":"{text}"}}"#));
    for name in ["X-M2M-Origin", "X-M2M-RI", "X-M2M-RVI"] {
        if !has(request.headers(), name) {
            return (Rsc::BadRequest, dbg(&format!("{name} is missing")));
        }
    }
    if request.uri().path() != CSE_PATH {
        return (Rsc::NotFound, dbg("only the CSEBase is here: /cse-in"));
    }
    if request.method() != Method::GET {
        return (Rsc::NotAllowed, dbg("only RETRIEVE is allowed here"));
    }
    // TS-0004 6.3.3: dates are YYYYMMDDThhmmss without separators.
    let date: String = created
        .to_string()
        .chars()
        .filter(|c| c.is_ascii_digit() || *c == 'T')
        .collect();
    let body = format!(
        r#"{{"m2m:cb":{{"ty":5,"ri":"in-cse","rn":"cse-in","ct":"{date}","lt":"{date}","cst":1,"csi":"{CSE_ID}","srt":[5],"srv":["3"]}}}}"#
    );
    (Rsc::Ok, Bytes::from(body))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(response: &Response<Bytes>) -> (u16, &str) {
        (
            response.status().as_u16(),
            response.headers()["X-M2M-RSC"].to_str().unwrap(),
        )
    }

    //= TS0004-6.6-r1
    #[test]
    fn answers_by_the_table_of_response_status_codes() {
        let now = Utc(1_893_456_000);
        let good = retrieve("in-cse.m2m.example", "Cae", "1").unwrap();
        let response = answer(&good, now);
        assert_eq!(code(&response), (200, "2000"));
        assert_eq!(response.headers()["X-M2M-RI"], "1");
        assert!(String::from_utf8_lossy(response.body()).contains(r#""csi":"/in-cse""#));
        assert!(String::from_utf8_lossy(response.body()).contains(r#""ct":"20300101T000000""#));

        let mut bad = good.clone();
        bad.headers_mut().remove("X-M2M-Origin");
        assert_eq!(code(&answer(&bad, now)), (400, "4000"));
        let mut other = good.clone();
        *other.uri_mut() = "/cse-in/ae".parse().unwrap();
        assert_eq!(code(&answer(&other, now)), (404, "4004"));
        let mut delete = good;
        *delete.method_mut() = Method::DELETE;
        assert_eq!(code(&answer(&delete, now)), (405, "4005"));
    }
}
