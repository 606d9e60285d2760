//! Whatever a peer says in whatever order: the connection's state machine answers, closes or waits, and comes to rest.
#![no_main]

use gba_fuzz as _;
use std::sync::Arc;

use base::{Mono, Now, Utc};
use diameter::{
    Header, Message, Origin, dictionary,
    message::session_id,
    peer::{DisconnectCause, Input, Known, Local, Output, Peer, Role, Rule, Timers},
};
use libfuzzer_sys::fuzz_target;

/// In the unit of [`Mono`].
const TEN_SECONDS: u64 = 10_000_000_000;

fn local(host: &str) -> Local {
    Local {
        origin: Origin {
            host: host.parse().expect("a name"),
            realm: "example".parse().expect("a name"),
        },
        addresses: vec!["127.0.0.1".parse().expect("an address")],
        product: "gba".into(),
        origin_state_id: 1,
        applications: vec![dictionary::ZH, dictionary::ZN],
    }
}

fuzz_target!(|data: &[u8]| {
    let Some((first, mut rest)) = data.split_first() else {
        return;
    };
    let known = Known::new([Rule {
        host: "bsf.example".parse().expect("a name"),
        role: Role::Bsf,
    }]);
    let mut now = Now {
        mono: Mono(0),
        utc: Utc(0),
    };
    let (mine, known) = (Arc::new(local("hss.example")), Arc::new(known));
    let mut peer = if first & 1 == 0 {
        Peer::responder(mine, known, Timers::default(), now, 1)
    } else {
        Peer::initiator(mine, known, Timers::default(), now, 1)
    };
    loop {
        let mut outputs = 0;
        loop {
            match peer.poll() {
                Output::Send(message) => {
                    Message::parse(&message.encode()).expect("what we send can be read");
                }
                Output::Wait(_) | Output::Close(_) => break,
                _ => {}
            }
            outputs += 1;
            assert!(outputs < 100, "the machine does not come to rest");
        }
        // The next octet says what happens: the length of a message in units of four, or a timer.
        let Some((kind, after)) = rest.split_first() else {
            break;
        };
        rest = after;
        let input = match *kind {
            0 => Input::Timeout,
            1 => Input::Disconnect(DisconnectCause::Rebooting),
            n => {
                let length = usize::from(n) * 4;
                let (octets, after) = rest.split_at_checked(length).unwrap_or((rest, &[]));
                rest = after;
                match (Message::parse(octets), Header::parse(octets)) {
                    (Ok(message), _) => Input::Message(message),
                    (Err(fault), Ok(header)) => Input::Malformed {
                        header,
                        session: session_id(octets).map(<[u8]>::to_vec),
                        fault,
                    },
                    (Err(_), Err(_)) => continue,
                }
            }
        };
        now.mono = Mono(now.mono.0 + TEN_SECONDS);
        peer.handle(now, input);
    }
});
