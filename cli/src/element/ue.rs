//! `gba ue bootstrap` and `gba ue get`: a device with a software card.
//!
//! * `keyed`: `gba ue get` by a B-TID and a key at hand, without a device.

mod keyed;

use std::{
    collections::HashMap,
    io::Write as _,
    net::{IpAddr, SocketAddr},
};

use aka::{AlgorithmSet, Milenage, Tuak, Xor, tuak::Lengths};
use base::{Secret, SecretBytes, Utc};
use clap::{Args, Subcommand};
use gba::{
    ids::{Btid, Fqdn, Imsi, MncLength, NafId},
    keys::KsNaf,
    ua::{Url, client::UaRequest, url::UrlError},
};
use http::{HeaderName, HeaderValue, Request};
use lab::demo::DemoError;
use net::{
    http::Bytes,
    tap::{SharedTap, Summary},
    tls::suite::Suite,
};
use ue::{
    BsfAddress, Client, Device, DeviceError,
    device::DeviceOptions,
    psk::{PskClient, PskConfig},
};
use uicc::{
    Card, Pin,
    software::{Profile, SoftCard},
};

use self::keyed::{Who, get_keyed};
use super::{Common, block_on, watch::Watch};
use crate::{
    Failure, advice,
    card::terminal::ready::OtherCard,
    config::{Config, flags::Table, host_line},
    input::KeyText,
    print, printed,
};

/// `[ue]`.
pub(crate) struct Ue;

impl Table for Ue {
    const NAME: &'static str = "ue";
}

#[derive(Subcommand)]
pub(crate) enum UeCommand {
    /// Bootstrap with the BSF and print the B-TID.
    ///
    /// The software card is made of [ue] in the configuration, of variables and of flags. It begins anew with each
    /// command: it takes any SQN. With --card a real one, an operator's as well: no keys are needed. Status: 0 done, 1 refused, 2 usage, environment or a peer down.
    #[command(after_help = "Example: gba ue bootstrap -v --bsf 127.0.0.1:18080 --k @k.hex --opc env:OPC")]
    Bootstrap(BootstrapArgs),
    /// Fetch a URL, bootstrapping first; the body goes to standard output.
    ///
    /// Answers the NAF's 3GPP-bootstrapping challenge by itself, and checks the NAF's proof. Status: 0 a page came,
    /// 1 refused (also HTTP 400 and above), 2 usage, environment or a peer down.
    #[command(after_help = "Examples: gba ue get http://naf.m2m.example:18081/\n          \
                            gba ue get http://naf.m2m.example:8000/ --btid a-device@bsf.example.org --ks-naf @ks-naf.hex\n          \
                            gba ue get -v --tls-psk https://naf.m2m.example:18443/")]
    Get(GetArgs),
}

#[derive(Args)]
pub(crate) struct BootstrapArgs {
    #[command(flatten)]
    common: Common<Ue>,
    #[command(flatten)]
    other: OtherCard,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub(crate) struct GetArgs {
    /// http://NAME[:PORT]/PATH, or https:// with --tls-psk.
    url: String,
    #[command(flatten)]
    common: Common<Ue>,
    #[command(flatten)]
    other: OtherCard,
    /// TLS with the NAF key as pre-shared key, instead of HTTP digest.
    #[arg(long)]
    tls_psk: bool,
    /// A header to send (repeatable).
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE", value_parser = header)]
    headers: Vec<(HeaderName, HeaderValue)>,
    /// Take an answer that the NAF doesn't prove with Authentication-Info.
    #[arg(long)]
    without_proof: bool,
    /// Use this B-TID and --ks-naf instead of bootstrapping.
    #[arg(long, value_name = "B-TID", requires = "ks_naf")]
    btid: Option<Btid>,
    /// Ks_NAF for this NAF and this protocol: 64 hex digits, or where they are.
    #[arg(long, value_name = "HEX|@FILE|env:NAME|-", requires = "btid", value_parser = key_text)]
    ks_naf: Option<KeyText>,
}

#[expect(clippy::unnecessary_wraps, reason = "what clap wants")]
fn key_text(text: &str) -> Result<KeyText, std::convert::Infallible> {
    Ok(KeyText::from(text))
}

fn header(text: &str) -> Result<(HeaderName, HeaderValue), String> {
    let (name, value) = text.split_once(':').ok_or("\"NAME: VALUE\" expected")?;
    let name = name
        .trim()
        .parse()
        .map_err(|_| "the name can't stand in a header")?;
    let value = value
        .trim()
        .parse()
        .map_err(|_| "the value can't stand in a header")?;
    Ok((name, value))
}

/// All that the device needs before it opens a socket.
pub(super) struct Plan {
    card: Box<dyn Card>,
    pin: Option<Pin>,
    bsf: String,
    bsf_name: Option<Fqdn>,
    hosts: HashMap<Fqdn, IpAddr>,
}

impl Plan {
    /// With the card that was named, else one in software of the configuration.
    pub(super) fn of(c: &Config, other: &OtherCard) -> Result<Self, Failure> {
        let (card, pin) = match other.open()? {
            Some(opened) => opened,
            None => (software(c).map_err(Failure::Unable)?, None),
        };
        Self::with(c, card, pin).map_err(Failure::Unable)
    }

    fn with(c: &Config, card: Box<dyn Card>, pin: Option<Pin>) -> Result<Self, String> {
        Ok(Self {
            card,
            pin,
            bsf: c.get("ue", "bsf")?,
            bsf_name: c.maybe("ue", "bsf_name")?,
            hosts: hosts(c)?,
        })
    }

    /// Whether a device can be made of the configuration alone.
    pub(super) fn check(c: &Config) -> Result<(), String> {
        Self::with(c, software(c)?, None).map(drop)
    }

    async fn open(self, tap: SharedTap) -> Result<(Device, BsfAddress), Failure> {
        let options = DeviceOptions {
            tap,
            pin: self.pin,
            ..DeviceOptions::default()
        };
        let device = Device::open(self.card, options).await;
        let device = device.map_err(|e| failure(DemoError::from(e)))?;
        let name = self.bsf_name.unwrap_or_else(|| device.identity().bsf.clone());
        Ok((device, BsfAddress::new(self.bsf, name)))
    }
}

/// A card made of the configuration.
fn software(c: &Config) -> Result<Box<dyn Card>, String> {
    let mnc = match c.get("ue", "mnc_length")? {
        3 => MncLength::Three,
        // The check of the setting lets no other number through.
        _ => MncLength::Two,
    };
    let imsi: Imsi = c.get("ue", "imsi")?;
    let mut card = Profile::new(imsi, mnc, algorithm(c, c.production())?);
    if c.get::<String>("ue", "mode")? == "u" {
        card = card.with_gba_u();
    }
    Ok(Box::new(SoftCard::new(card)))
}

fn algorithm(c: &Config, production: bool) -> Result<AlgorithmSet, String> {
    let Some(k) = c.key::<16>("ue", "k", production)? else {
        return Err(c.error(
            "ue",
            "k",
            "missing: 32 hex digits, \"@FILE\" or \"env:NAME\" expected",
        ));
    };
    let res: usize = c.get("ue", "res_length")?;
    let bad_res = |e: &dyn std::fmt::Display| c.error("ue", "res_length", &e.to_string());
    match c.get::<String>("ue", "algorithm")?.as_str() {
        "xor" if production => Err(c.error(
            "ue",
            "algorithm",
            "xor is for test cards: not with production = true",
        )),
        "xor" => Ok(Xor::new(&k).with_res_length(res).map_err(|e| bad_res(&e))?.into()),
        "tuak" => {
            let operator = operator_key::<32>(c, ["topc", "top"], production)?;
            let wrong = |e: aka::tuak::TuakLength| c.error("ue", "algorithm", &e.to_string());
            let k = SecretBytes::from(k.expose().as_slice());
            let topc = match operator {
                OperatorKey::Made(topc) => topc,
                OperatorKey::Raw(top) => Tuak::topc(&k, &top, 1).map_err(wrong)?,
            };
            let lengths = Lengths::new(8, res, 16, 16, 1).map_err(|e| bad_res(&e))?;
            Ok(Tuak::new(&k, &topc, lengths).map_err(wrong)?.into())
        }
        _ => {
            let milenage = match operator_key::<16>(c, ["opc", "op"], production)? {
                OperatorKey::Made(opc) => Milenage::new(&k, &opc),
                OperatorKey::Raw(op) => Milenage::with_op(&k, &op),
            };
            Ok(milenage.with_res_length(res).map_err(|e| bad_res(&e))?.into())
        }
    }
}

/// The operator's part of the key.
enum OperatorKey<const N: usize> {
    /// With K in it already: OPc, TOPc.
    Made(Secret<N>),
    /// OP, TOP.
    Raw(Secret<N>),
}

/// Exactly one of the two.
fn operator_key<const N: usize>(
    c: &Config,
    [made, raw]: [&str; 2],
    production: bool,
) -> Result<OperatorKey<N>, String> {
    let (is_made, is_raw) = (
        c.key::<N>("ue", made, production)?,
        c.key::<N>("ue", raw, production)?,
    );
    match (is_made, is_raw) {
        (Some(key), None) => Ok(OperatorKey::Made(key)),
        (None, Some(key)) => Ok(OperatorKey::Raw(key)),
        (Some(_), Some(_)) => Err(c.error("ue", raw, &format!("either {made} or {raw} expected, not both"))),
        (None, None) => {
            let digits = N * 2;
            let what = format!(
                "missing: {made} or {raw} as {digits} hex digits, \"@FILE\" or \"env:NAME\" expected"
            );
            Err(c.error("ue", made, &what))
        }
    }
}

pub(super) fn run(command: UeCommand) -> Result<(), Failure> {
    match command {
        UeCommand::Bootstrap(args) => {
            let (config, watch) = args.common.load()?;
            let plan = Plan::of(&config, &args.other)?;
            block_on(&watch, async |watching| {
                let watch = Watch::new(watching, Some("UE"));
                let result = bootstrap(plan, watch.tap(), args.json).await;
                watch.finish().await;
                result
            })
        }
        UeCommand::Get(args) => {
            let GetArgs {
                url,
                common,
                other,
                tls_psk,
                headers,
                without_proof,
                btid,
                ks_naf,
            } = args;
            let target = Target {
                url: address(&url, tls_psk).map_err(Failure::Unable)?,
                tls_psk,
                headers,
                without_proof,
            };
            let (config, watch) = common.load()?;
            let who = match btid.zip(ks_naf) {
                Some((btid, key)) => {
                    Who::keyed(&config, btid, &key, without_proof).map_err(Failure::Unable)?
                }
                None => Who::Device(Box::new(Plan::of(&config, &other)?)),
            };
            block_on(&watch, async |watching| {
                let watch = Watch::new(watching, Some("UE"));
                let result = match who {
                    Who::Device(plan) => get(*plan, watch.tap(), target).await,
                    Who::Keyed(keyed, hosts) => get_keyed(&keyed, &hosts, watch.tap(), target).await,
                };
                watch.finish().await;
                let (status, body) = result?;
                // As it came: nothing is taken out of it.
                let mut out = std::io::stdout().lock();
                printed(out.write_all(&body).and_then(|()| out.flush()))?;
                drop(out);
                if status < 400 {
                    Ok(())
                } else {
                    Err(Failure::Refused(format!("{url}: the NAF answered HTTP {status}")))
                }
            })
        }
    }
}

fn hosts(c: &Config) -> Result<HashMap<Fqdn, IpAddr>, String> {
    let hosts: Vec<String> = c.list("ue", "hosts")?;
    Ok(hosts.iter().filter_map(|line| host_line(line)).collect())
}

fn resolve(hosts: &HashMap<Fqdn, IpAddr>, name: &Fqdn, port: u16) -> String {
    match hosts.get(name) {
        Some(ip) => SocketAddr::new(*ip, port).to_string(),
        None => format!("{name}:{port}"),
    }
}

fn request(url: Url, headers: &[(HeaderName, HeaderValue)]) -> Result<UaRequest, Failure> {
    let mut request = UaRequest::get(url);
    for (name, value) in headers {
        let value = value
            .to_str()
            .map_err(|_| Failure::Unable(format!("{name}: only ASCII expected")))?;
        request.headers.push((name.to_string(), value.into()));
    }
    Ok(request)
}

/// What to fetch.
struct Target {
    url: Url,
    tls_psk: bool,
    headers: Vec<(HeaderName, HeaderValue)>,
    without_proof: bool,
}

/// The URL of either scheme. TLS has its own default port.
fn address(text: &str, tls_psk: bool) -> Result<Url, String> {
    let (scheme, rest) = text
        .split_once("://")
        .ok_or_else(|| format!("{text}: http://NAME[:PORT]/PATH expected"))?;
    let is = |wanted| scheme.eq_ignore_ascii_case(wanted);
    if is("https") && !tls_psk {
        return Err(format!(
            "{text}: https is TLS with a pre-shared key here: add --tls-psk"
        ));
    }
    if tls_psk && !is("https") {
        return Err(format!("{text}: --tls-psk takes https://NAME[:PORT]/PATH"));
    }
    let wrong = |e: UrlError| match e {
        UrlError::Address => format!("{text}: {e}; give the name, and where it is with --hosts NAME=ADDRESS"),
        _ => format!("{text}: {e}"),
    };
    if !tls_psk {
        return text.parse().map_err(wrong);
    }
    let cut = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, target) = rest.split_at(cut);
    let port = if authority.contains(':') { "" } else { ":443" };
    format!("http://{authority}{port}{target}").parse().map_err(wrong)
}

async fn bootstrap(plan: Plan, tap: SharedTap, json: bool) -> Result<(), Failure> {
    let (mut device, bsf) = plan.open(tap).await?;
    let session = device.bootstrap(&bsf).await.map_err(|e| failure(e.into()))?;
    let impi = &device.identity().impi;
    let mode = if device.identity().mode == gba::ub::client::Mode::U {
        "u"
    } else {
        "me"
    };
    let text = if json {
        let object = serde_json::json!({
            "impi": impi.to_string(),
            "btid": session.btid.to_string(),
            "lifetime": session.lifetime.to_string(),
            "mode": mode,
            "vectors": device.vectors_used(),
        });
        format!("{object}\n")
    } else {
        format!(
            "IMPI         {impi}\nB-TID        {}\nvalid until  {}\nmode         {mode}\n",
            session.btid, session.lifetime
        )
    };
    print(text)
}

/// The status and the body.
async fn get(plan: Plan, tap: SharedTap, target: Target) -> Result<(u16, Bytes), Failure> {
    let hosts = plan.hosts.clone();
    let (mut device, bsf) = plan.open(tap.clone()).await?;
    let resolve = move |name: &Fqdn, port: u16| resolve(&hosts, name, port);
    if target.tls_psk {
        let at = resolve(target.url.host(), target.url.port());
        return get_over_psk(&mut device, &bsf, tap, target, at).await;
    }
    let mut client = Client::new(bsf).with_resolver(resolve);
    if target.without_proof {
        client = client.without_proof();
    }
    let answer = client
        .fetch(&mut device, request(target.url, &target.headers)?)
        .await
        .map_err(|e| failure(e.into()))?;
    Ok((answer.status, answer.body))
}

async fn get_over_psk(
    device: &mut Device,
    bsf: &BsfAddress,
    tap: SharedTap,
    target: Target,
    at: String,
) -> Result<(u16, Bytes), Failure> {
    let session = device.bootstrap(bsf).await.map_err(|e| failure(e.into()))?;
    let derive = async |naf_id: NafId| -> Result<_, DeviceError> { device.naf_key(&naf_id).await };
    over_psk(&session.btid, session.lifetime, derive, tap, target, at).await
}

async fn over_psk<F: Future<Output = Result<KsNaf, DeviceError>>>(
    btid: &Btid,
    until: Utc,
    derive: impl FnOnce(NafId) -> F,
    tap: SharedTap,
    target: Target,
    at: String,
) -> Result<(u16, Bytes), Failure> {
    let naf = target.url.host().clone();
    let failed = |source| {
        failure(DemoError::Psk {
            naf: naf.clone(),
            source,
        })
    };
    let mut config = PskConfig::default();
    config.tls.suites = Suite::ALL.to_vec();
    config.story.tells_peer = true;
    let story = config.story.clone();
    let client = PskClient::new(config, tap.clone()).map_err(|e| failed(e.into()))?;
    let association = client
        .connect(at, &naf, btid, until, derive)
        .await
        .map_err(failed)?;
    let mut request = Request::get(target.url.target())
        .body(Bytes::new())
        .map_err(|e| Failure::Unable(format!("the request can't be sent: {e}")))?;
    request
        .headers_mut()
        .extend(target.headers.into_iter().map(|(n, v)| (Some(n), v)));
    request
        .extensions_mut()
        .insert(Summary(format!("GET {}", target.url.target())));
    let response = association.send(request).await.map_err(failed)?;
    // Within TLS, where nobody else hears it.
    story.tell_answer(&tap, &response);
    Ok((response.status().as_u16(), response.into_body()))
}

fn failure(e: DemoError) -> Failure {
    let why = advice::chain(&e);
    if e.is_refusal() {
        Failure::Refused(why)
    } else {
        Failure::Unable(why)
    }
}
