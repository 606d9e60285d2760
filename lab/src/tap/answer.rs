//! Answers of our own, in the place of an element's.

use diameter::{Avp, Message, Origin, ResultCode, dictionary as d, fault::result_avp};

use super::{Content, Passing, rule::Answer};

/// The answer to a request, or in place of an answer. `None` for what is neither.
pub(super) fn to(passing: &Passing, answer: &Answer, answerer: Option<&Origin>) -> Option<Vec<u8>> {
    match (answer, passing.content()) {
        (Answer::Diameter { vendor, code }, Content::Diameter(_, Ok(message))) => {
            let result = match vendor {
                0 => ResultCode::Base(*code),
                vendor => ResultCode::Experimental {
                    vendor: *vendor,
                    code: *code,
                },
            };
            Some(diameter(message, result, answerer).encode())
        }
        (Answer::Http { status, body }, Content::Http(_)) => Some(http(*status, body)),
        _ => None,
    }
}

fn diameter(message: &Message, result: ResultCode, answerer: Option<&Origin>) -> Message {
    let mut answer = Message::answer_to(message);
    if result.is_protocol_error() {
        answer.flags |= Message::ERROR;
    }
    answer
        .avps
        .extend(message.find(&d::VENDOR_SPECIFIC_APPLICATION_ID).cloned());
    answer.avps.extend(message.find(&d::AUTH_SESSION_STATE).cloned());
    if message.is_request() {
        match answerer {
            Some(origin) => answer.push_origin(origin),
            // Nobody has said yet who answers there: who was asked for.
            None => {
                for (asked, origin) in [
                    (&d::DESTINATION_HOST, &d::ORIGIN_HOST),
                    (&d::DESTINATION_REALM, &d::ORIGIN_REALM),
                ] {
                    let asked = message.find(asked);
                    answer
                        .avps
                        .extend(asked.map(|avp| Avp::octets(origin, avp.as_octets())));
                }
            }
        }
    } else {
        let origin = [&d::ORIGIN_HOST, &d::ORIGIN_REALM];
        answer
            .avps
            .extend(origin.into_iter().filter_map(|def| message.find(def)).cloned());
    }
    answer.avps.push(result_avp(result));
    answer.copy_proxy_info(message);
    answer
}

fn http(status: u16, body: &str) -> Vec<u8> {
    let reason = http::StatusCode::from_u16(status)
        .ok()
        .and_then(|status| status.canonical_reason())
        .unwrap_or("Answered by the tap");
    format!(
        "HTTP/1.1 {status} {reason}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}
