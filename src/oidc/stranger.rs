//! An unregistered client asks to sign in, or for a token: a working service refuses it.
//!
//! In: a region's client. Out: what StartDeviceAuthorization or CreateToken answered. It needs no registration and no
//! start URL, so it replaces the second and the third step where there is none, and is what a control asks.

use std::time::Instant;

use aws_sdk_ssooidc::Client;
use aws_sdk_ssooidc::operation::create_token::CreateTokenOutput;
use aws_sdk_ssooidc::operation::start_device_authorization::StartDeviceAuthorizationOutput;
use triage_model::classify::invented_client_id;
use triage_model::fault::Fault;
use triage_model::observation::DEVICE_CODE_GRANT;
use triage_model::region::Region;

use crate::oidc::fault::answered;

/// The random part of the client id: the same for all regions and stacks, so that each knows the others' strangers.
const RANDOM: &[u8; 16] = b"oidc-triage-prob";

/// Nobody's access portal: the client is refused before it matters.
const START_URL: &str = "https://d-0000000000.awsapps.com/start";

/// Stands for the secret and the device code.
const SECRET: &str = "invented-by-oidc-triage-to-be-refused";

pub fn client_id(region: &Region) -> String {
    invented_client_id(RANDOM, region)
}

pub async fn ask_to_sign_in(
    client: &Client,
    region: &Region,
    deadline: Instant,
) -> Result<StartDeviceAuthorizationOutput, Fault> {
    let call =
        client.start_device_authorization().client_id(client_id(region)).client_secret(SECRET).start_url(START_URL);
    answered(call.send(), deadline).await
}

pub async fn ask_for_a_token(client: &Client, region: &Region, deadline: Instant) -> Result<CreateTokenOutput, Fault> {
    let call = client
        .create_token()
        .client_id(client_id(region))
        .client_secret(SECRET)
        .grant_type(DEVICE_CODE_GRANT)
        .device_code(SECRET);
    answered(call.send(), deadline).await
}

/// Whether that is the refusal of a working service.
pub fn is_refused(fault: &Fault) -> bool {
    fault.is("InvalidClientException", "invalid_client")
}
