//! Lengths as T=0 has them (TS 102 221 7.3.1.1): 61xx with GET RESPONSE, and 6Cxx.

use base::apdu::{Command, Response};

use crate::Sw;

use super::{SoftCard, low_octet};

impl SoftCard {
    /// Whether data of that length can be given at once; 6Cxx makes the command come again.
    pub(super) fn expects(&self, c: &Command, length: usize) -> Result<(), Sw> {
        let length = low_octet(length);
        match c.le {
            Some(le) if le == length => Ok(()),
            Some(0) if !self.t0 => Ok(()),
            _ => Err(Sw::again(length)),
        }
    }

    /// Lengths as TS 102 221 7.3.1.1 has them: a command with data in one direction gets the right Le in 6Cxx; one
    /// with data in both gets 61xx, unless it brought a Le and the card isn't in T=0 manners.
    pub(super) fn deliver(&mut self, c: &Command, data: Vec<u8>) -> Response {
        if data.is_empty() {
            return Response::status(self.ending.0);
        }
        if c.data().is_empty() {
            return match self.expects(c, data.len()) {
                Ok(()) => Response::new(data, self.ending.0),
                Err(sw) => Response::status(sw.0),
            };
        }
        if c.le.is_some() && !self.t0 {
            return Response::new(data, self.ending.0);
        }
        let length = low_octet(data.len());
        self.pending
            .push((self.number, Response::new(data, self.ending.0)));
        Response::status(Sw::more(length).0)
    }

    /// GET RESPONSE (TS 102 221 11.2.1), also in pieces.
    pub(super) fn get_response(&mut self, number: usize, c: &Command) -> Response {
        let at = self.pending.iter().position(|(n, _)| *n == number);
        let pending = at.map(|at| self.pending.swap_remove(at).1);
        let sw = match (pending, c.p1, c.p2) {
            (_, p1, p2) if (p1, p2) != (0, 0) => Sw::P1_P2,
            (None, ..) => Sw::CONDITIONS,
            (Some(_), ..) if !c.data().is_empty() => Sw::WRONG_LENGTH,
            (Some(response), ..) => {
                let length = low_octet(response.data().len());
                let wanted = match c.le {
                    Some(0) if !self.t0 => response.data().len(),
                    Some(le) if le != 0 => usize::from(le),
                    _ => usize::MAX,
                };
                match response.data().split_at_checked(wanted) {
                    Some((data, [])) => return Response::new(data.to_vec(), response.sw),
                    Some((data, rest)) => {
                        let sw = Sw::more(low_octet(rest.len()));
                        let answer = Response::new(data.to_vec(), sw.0);
                        let rest = Response::new(rest.to_vec(), response.sw);
                        self.pending.push((number, rest));
                        return answer;
                    }
                    None => {
                        self.pending.push((number, response));
                        Sw::again(length)
                    }
                }
            }
        };
        Response::status(sw.0)
    }
}
