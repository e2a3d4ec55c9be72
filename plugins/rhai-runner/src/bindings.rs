//! What the component imports and exports, generated from the interfaces.

wit_bindgen::generate!({
    path: ["../../sdk/wit/v1", "../../sdk/wit/script"],
    world: "leadhook:script/runner",
    generate_all,
});
