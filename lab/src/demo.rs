//! The story of `gba demo`: one device, one SIM, one AKA run, three keys.

use std::sync::Arc;

use aka::{
    AlgorithmSet, Amf, Rand, Sqn,
    sqn::{SqnArray, SqnProfile, home},
};
use gba::{
    guss::UiccType,
    ids::{Fqdn, Impi, Imsi, MncLength, NafId, UaId},
    keys::KsNaf,
    ua::{
        Url,
        client::{UaError, UaRequest},
    },
    ub::client::UbError,
};
use hss::Subscriber;
use net::tap::{SharedTap, Summary};
use ue::{
    BsfAddress, Client, ClientError, Device, DeviceError,
    device::DeviceOptions,
    psk::{PskClient, PskConfig, PskError, PskSession},
};
use uicc::{
    Card, Pin,
    software::{Profile, SoftCard},
    terminal::{Mnc, UsimError},
};

use crate::{
    cse,
    report::{KeyPair, Mode, Outcome},
    topology::{Names, Network, StartError},
    trace::Trace,
};

/// The AE-ID under which the device asks the IN-CSE.
const AE_ID: &str = "Cdevice";

/// How many SEQ the card is ahead of the HSS in a run with resynchronisation: the AuC was restored from an old copy.
pub const AHEAD: u64 = 1000;

/// The subscriber of a run.
pub struct Setup {
    /// GBA_ME or GBA_U.
    pub mode: Mode,
    /// IMSI.
    pub imsi: Imsi,
    /// Digits of the MNC; by the MCC where absent (ruling 4).
    pub mnc_length: Option<MncLength>,
    /// Algorithm set with the subscriber's keys in it, for HSS and card alike.
    pub algorithm: AlgorithmSet,
    /// AMF, used exactly as given; 0000 where absent (ruling 2).
    pub amf: Option<Amf>,
    /// SQN of the first vector; the card stands one step behind it.
    pub sqn: Option<Sqn>,
    /// The card stands [`AHEAD`] of the HSS instead, so that it answers the first vector with AUTS.
    pub resync: bool,
    /// RAND of the first vector. Laboratory only.
    pub rand: Option<Rand>,
}

/// Why a run ended early.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DemoError {
    /// The subscriber's data can't be used.
    #[error("{0}")]
    Setup(String),
    /// The network didn't start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The device or its card.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// The request to the plain service.
    #[error(transparent)]
    Service(#[from] ClientError),
    /// TLS-PSK with a NAF.
    #[error("TLS-PSK with {naf}: {source}")]
    Psk {
        /// The NAF.
        naf: Fqdn,
        /// Why.
        source: PskError,
    },
    /// An answer that isn't the expected one.
    #[error("{from} answered {got}, expected {wanted}")]
    Answer {
        /// Who.
        from: Fqdn,
        /// What came.
        got: String,
        /// What should have come.
        wanted: &'static str,
    },
    /// The device was served although the NAF never asked for its key.
    #[error("the NAF {0} never asked the BSF for its key")]
    NeverAsked(NafId),
}

impl DemoError {
    /// True if a protocol said no; false for usage, environment or a peer that is down.
    #[must_use]
    pub const fn is_refusal(&self) -> bool {
        match self {
            Self::Setup(_) | Self::Start(_) => false,
            Self::Device(e) | Self::Service(ClientError::Device(e)) => device_refused(e),
            Self::Service(ClientError::Ua(e)) => !matches!(e, UaError::Timeout(_)),
            Self::Service(_) => false,
            Self::Psk { source, .. } => !matches!(source, PskError::Net(e) if e.is_peer_down()),
            Self::Answer { .. } | Self::NeverAsked(_) => true,
        }
    }
}

/// What a card or a BSF decided, not what they couldn't do.
const fn device_refused(e: &DeviceError) -> bool {
    match e {
        DeviceError::Bootstrap(UbError::Busy { status, .. }) => *status != 503,
        DeviceError::Bootstrap(UbError::Timeout(_) | UbError::NoEntropy(_)) => false,
        DeviceError::Bootstrap(_) | DeviceError::NotBootstrapped => true,
        // Who doesn't answer hasn't decided.
        DeviceError::Card(e) => !matches!(e, UsimError::Card(_)),
        _ => false,
    }
}

/// Both ends of a subscription, made from one set of data: what the HSS has and what the card has.
///
/// # Errors
/// [`DemoError::Setup`] if no card would accept that SQN.
pub fn personalise(setup: &Setup) -> Result<(Subscriber, SoftCard, Names), DemoError> {
    // Where nobody says, card, device and HSS all go by the same table.
    let mnc = Mnc::choose(&setup.imsi, setup.mnc_length, None).length;
    let impi = Impi::from_imsi(&setup.imsi, mnc);
    let uicc = if setup.mode == Mode::U {
        UiccType::GbaU
    } else {
        UiccType::Gba
    };
    let mut subscriber = Subscriber::new(impi.clone(), setup.algorithm.duplicate()).with_bsf_info(uicc, None);
    let mut profile = Profile::new(setup.imsi.clone(), mnc, setup.algorithm.duplicate());
    profile.mnc_length = setup.mnc_length;
    if setup.mode == Mode::U {
        profile = profile.with_gba_u();
    }
    if let Some(amf) = setup.amf {
        subscriber = subscriber.with_amf_as_is(amf);
    }
    if let Some(sqn) = setup.sqn {
        subscriber = subscriber.with_first_sqn(sqn);
    }
    if setup.sqn.is_some() || setup.resync {
        profile.sqn = array(setup.sqn, setup.resync)?;
    }
    let names = Names::of(&impi, Fqdn::bsf_for_imsi(&setup.imsi, mnc))?;
    Ok((subscriber, SoftCard::new(profile), names))
}

/// An array whose every SEQ_MS is just below the SEQ of the first vector (TS 33.102 annex C.2), or [`AHEAD`] of it.
fn array(first: Option<Sqn>, ahead: bool) -> Result<SqnArray, DemoError> {
    let profile = SqnProfile::default();
    // The HSS begins with the first SQN that a new card accepts.
    let first = first.unwrap_or_else(|| home::next(profile, Sqn::default(), 0));
    let seq = profile.seq(first);
    let highest = profile.seq(Sqn::MAX);
    let Some(before) = seq.checked_sub(1) else {
        return Err(DemoError::Setup(format!(
            "SQN {first} has SEQ 0, which no card accepts: take at least 000000000020"
        )));
    };
    let seq_ms = if ahead { seq.saturating_add(AHEAD) } else { before };
    // One more is what the HSS answers AUTS with.
    if ahead && seq_ms >= highest {
        return Err(DemoError::Setup(format!(
            "SQN {first} leaves no room for a card that is ahead of it: take a smaller one"
        )));
    }
    let array = vec![seq_ms; 1 << profile.ind_bits];
    SqnArray::with_seq_ms(profile, &array).map_err(|e| DemoError::Setup(e.to_string()))
}

/// Runs the story and returns what came out; the messages go through the trace as they happen.
///
/// # Errors
/// [`DemoError`].
pub async fn run(setup: Setup, trace: Trace) -> Result<Outcome, DemoError> {
    let (subscriber, card, names) = personalise(&setup)?;
    tell(&setup, (subscriber, names), (Box::new(card), None), trace).await
}

/// The same with a card that exists, such as a test SIM in a reader, and the PIN that it may need. The setup says what is
/// in it: identity, keys, mode, and the SQN of the first vector that it accepts.
///
/// # Errors
/// [`DemoError`].
pub async fn run_on(
    setup: Setup,
    card: Box<dyn Card>,
    pin: Option<Pin>,
    trace: Trace,
) -> Result<Outcome, DemoError> {
    let (subscriber, _, names) = personalise(&setup)?;
    tell(&setup, (subscriber, names), (card, pin), trace).await
}

async fn tell(
    setup: &Setup,
    (subscriber, names): (Subscriber, Names),
    (card, pin): (Box<dyn Card>, Option<Pin>),
    trace: Trace,
) -> Result<Outcome, DemoError> {
    let trace = Arc::new(trace);
    let tap: SharedTap = trace.clone();
    let network = Network::start(names, subscriber, setup.rand, tap.clone()).await?;
    let told = Story {
        network: &network,
        trace: &trace,
        tap,
        resync: setup.resync,
    };
    let outcome = told.tell(card, pin, setup.mode).await;
    network.stop().await;
    outcome
}

struct Story<'a> {
    network: &'a Network,
    trace: &'a Trace,
    tap: SharedTap,
    resync: bool,
}

impl Story<'_> {
    async fn tell(&self, card: Box<dyn Card>, pin: Option<Pin>, mode: Mode) -> Result<Outcome, DemoError> {
        let Network { names, addresses, .. } = self.network;
        let began = self.trace.elapsed();

        self.trace.act(if self.resync {
            "Bootstrapping with a card ahead of the HSS: AUTS, then a fresh vector; the SIM's key becomes Ks"
        } else {
            "Bootstrapping: the SIM's key becomes Ks"
        });
        let options = DeviceOptions {
            tap: self.tap.clone(),
            pin,
            ..DeviceOptions::default()
        };
        let mut device = Device::open(card, options).await?;
        let bsf = BsfAddress::new(addresses.ub, names.bsf.clone());
        let session = device.bootstrap(&bsf).await?;

        self.trace.act("A service: HTTP digest, a key of its own");
        let service = self.service(&mut device, &bsf).await?;

        self.trace.act("M2M root key, proven by TLS-PSK to the MAF");
        let root = self
            .psk(&mut device, &names.maf, addresses.maf, "MAF", "Ua")
            .await?;

        self.trace.act("M2M session key from the same Ks");
        let association = self
            .psk(&mut device, &names.cse, addresses.cse, "IN-CSE", "Mca")
            .await?;
        self.retrieve(&association).await?;

        Ok(Outcome {
            impi: device.identity().impi.clone(),
            mnc: device.identity().mnc.to_string(),
            btid: session.btid,
            lifetime: session.lifetime,
            mode,
            avs_used: self.network.vectors_used(),
            elapsed: self.trace.elapsed().saturating_sub(began),
            root: self.pair(root.key())?,
            session: self.pair(association.key())?,
            service: self.pair(&service)?,
            messages: Vec::new(),
            dropped: self.trace.dropped(),
        })
    }

    async fn service(&self, device: &mut Device, bsf: &BsfAddress) -> Result<KsNaf, DemoError> {
        let Network { names, addresses, .. } = self.network;
        let (naf, address) = (names.naf.clone(), addresses.naf.to_string());
        let mut client = Client::new(bsf.clone()).with_resolver(move |_, _| address.clone());
        let url: Url = format!("http://{naf}/hello")
            .parse()
            .map_err(|_| StartError::Name(naf.to_string()))?;
        let answer = client.fetch(device, UaRequest::get(url.clone())).await?;
        if answer.status != 200 {
            return Err(DemoError::Answer {
                from: naf,
                got: format!("HTTP {}", answer.status),
                wanted: "HTTP 200",
            });
        }
        let asked = || DemoError::NeverAsked(NafId::new(naf, UaId::HTTP_DIGEST));
        client.key(&url).map(KsNaf::duplicate).ok_or_else(asked)
    }

    async fn psk(
        &self,
        device: &mut Device,
        naf: &Fqdn,
        address: std::net::SocketAddr,
        label: &str,
        interface: &'static str,
    ) -> Result<PskSession, DemoError> {
        let failed = |source| DemoError::Psk {
            naf: naf.clone(),
            source,
        };
        let mut config = PskConfig::default();
        config.story.server = label.into();
        config.story.interface = interface;
        let client = PskClient::new(config, self.tap.clone()).map_err(|e| failed(e.into()))?;
        let Some(session) = device.bootstrapped().cloned() else {
            return Err(DeviceError::NotBootstrapped.into());
        };
        let derive = async |naf_id: NafId| device.naf_key(&naf_id).await;
        client
            .connect(address, naf, &session.btid, session.lifetime, derive)
            .await
            .map_err(failed)
    }

    async fn retrieve(&self, association: &PskSession) -> Result<(), DemoError> {
        let cse = &self.network.names.cse;
        let answered = |got: String| DemoError::Answer {
            from: cse.clone(),
            got,
            wanted: "RSC 2000",
        };
        let mut request =
            cse::retrieve(cse.as_str(), AE_ID, "req-1").map_err(|e| DemoError::Setup(e.to_string()))?;
        request
            .extensions_mut()
            .insert(Summary(format!("RETRIEVE {} as {AE_ID}", cse::CSE_PATH)));
        let response = association.send(request).await.map_err(|source| DemoError::Psk {
            naf: cse.clone(),
            source,
        })?;
        match response
            .headers()
            .get("X-M2M-RSC")
            .map(http::HeaderValue::as_bytes)
        {
            Some(b"2000") => Ok(()),
            Some(rsc) => Err(answered(format!("RSC {}", String::from_utf8_lossy(rsc)))),
            None => Err(answered(format!("HTTP {} without X-M2M-RSC", response.status()))),
        }
    }

    fn pair(&self, device: &KsNaf) -> Result<KeyPair, DemoError> {
        let naf_id = device.naf_id();
        let network = self
            .network
            .seen
            .key(naf_id)
            .ok_or_else(|| DemoError::NeverAsked(naf_id.clone()))?;
        Ok(KeyPair {
            device: device.duplicate(),
            network,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Status 1 of the command is a refusal, 2 a peer that is down or an environment that lacks something.
    #[test]
    fn a_refusal_is_told_from_a_peer_that_is_down() {
        let naf = || "maf.m2m.example".parse::<Fqdn>().unwrap();
        let peer = || "127.0.0.1:1".to_owned();
        let psk = |source| DemoError::Psk { naf: naf(), source };
        let busy = |status| UbError::Busy {
            status,
            retry_after: Some(5),
        };
        let refusals = [
            DemoError::Device(UbError::MacFailure.into()),
            DemoError::Device(busy(429).into()),
            DemoError::Device(UsimError::PinWrong { tries: 2 }.into()),
            DemoError::Service(UaError::Refused.into()),
            psk(net::Error::TlsAlert {
                peer: peer(),
                alert: 20,
            }
            .into()),
            DemoError::NeverAsked(NafId::new(naf(), UaId::HTTP_DIGEST)),
        ];
        for e in refusals {
            assert!(e.is_refusal(), "{e}");
        }
        let refused = || net::Error::Refused { peer: peer() };
        let others = [
            DemoError::Setup("SQN".into()),
            DemoError::Device(DeviceError::Unreachable(refused())),
            DemoError::Device(busy(503).into()),
            DemoError::Device(UbError::Timeout("the BSF").into()),
            DemoError::Device(DeviceError::CardSilent),
            DemoError::Device(UsimError::Card(uicc::CardError::Absent).into()),
            DemoError::Service(ClientError::Unreachable(refused())),
            DemoError::Service(DeviceError::Unreachable(refused()).into()),
            psk(refused().into()),
        ];
        for e in others {
            assert!(!e.is_refusal(), "{e}");
        }
    }
}
