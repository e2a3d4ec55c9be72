//! Who called or wrote.

use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::{
    catalogue::Parameter,
    parameter::{Origin, Valued, View},
};

/// Values of the group "client"; all but `ctCallerId` are known only when stated.
pub(super) fn value<'a>(parameter: Parameter, view: &View<'a>) -> Valued<'a> {
    if parameter != Parameter::CtCallerId {
        return Valued::absent();
    }
    let phone = view.lead.text(Parameter::CallerPhone);
    // A caller without a number ("anonymous") is not one client.
    let phone = phone.filter(|phone| phone.contains(|c: char| c.is_ascii_digit()));
    let id = phone.map(|phone| client_id(phone, &view.keys.client_id_key));
    Valued::optional(id, Origin::Derived("the client's phone"))
}

/// The first 16 bytes of HMAC-SHA-256 over the phone as it is kept, as 32 hexadecimal digits: the same client,
/// the same id, and no phone readable from it without the account's key (the contract, "Qualification").
pub(crate) fn client_id(phone: &str, key: &[u8; 32]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    mac.update(phone.as_bytes());
    let sum = mac.finalize().into_bytes();
    HEXLOWER.encode(&sum[..16])
}
