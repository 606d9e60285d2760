//! What may be wrong in a network: each fault in plain words and by the right codes.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

use tests::{faults, scene::Sim};

/// TS 35.208 test set 1.
const SIM: Sim = Sim {
    k: [
        0x46, 0x5b, 0x5c, 0xe8, 0xb1, 0x99, 0xb4, 0x9f, 0xaa, 0x5f, 0x0a, 0x2e, 0xe2, 0x38, 0xa6, 0xbc,
    ],
    opc: [
        0xcd, 0x63, 0xcb, 0x71, 0x95, 0x4a, 0x9f, 0x4e, 0x48, 0xa5, 0x99, 0x4e, 0x37, 0xa0, 0x2b, 0xaf,
    ],
};

macro_rules! plays {
    ($($name:ident => $play:ident),* $(,)?) => {
        $(
            #[tokio::test]
            async fn $name() {
                faults::$play(&SIM).await;
            }
        )*
    };
}

plays! {
    ruling_07_a_wrong_key_on_the_card_is_reported_and_costs_no_further_vector => wrong_key_on_the_card,
    a_card_that_is_not_what_the_hss_takes_it_for => uicc_type_and_card_disagree,
    ruling_06_wrong_responses_close_a_connection_and_lock_nobody_out => wrong_res,
    an_unknown_impi_is_5401_and_403 => unknown_impi,
    an_unknown_btid_is_5403_and_401_and_in_tls_a_wrong_key => unknown_btid,
    ruling_22_a_foreign_name_is_5402_and_403_whether_the_btid_lives_or_not => foreign_naf_name,
    hss_down_is_503_with_retry_after => hss_down,
    bsf_down_is_503_with_retry_after => bsf_down,
    a_card_ahead_of_the_hss_costs_exactly_one_more_vector => card_ahead_of_the_hss,
    an_expired_session_ends_in_one_new_bootstrapping => expired_session,
    a_network_that_forgets_first_ends_in_one_new_bootstrapping => network_forgets_first,
    a_restarted_network_ends_in_one_new_bootstrapping => restarted_network,
    the_amf_of_another_domain_is_accepted_by_the_card => amf_of_another_domain,
}
