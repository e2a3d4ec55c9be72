//! What a script has in sight during one call: `lead`, `request` or `response`, `delivery`, `config` and `kv`.

use std::{
    cell::{OnceCell, RefCell},
    rc::Rc,
};

use rhai::{
    Dynamic, Engine, EvalAltResult, EvalContext, FuncRegistration, ImmutableString, Map, RhaiNativeFunc,
    Variant,
};

use crate::{
    bindings::leadhook::plugin::types::{Delivery, Request, Response},
    json,
    lead::Lead,
    world::host,
};

pub(crate) type Tried<T> = Result<T, Box<EvalAltResult>>;

/// All of one call. It is made for the call and dropped after it; nothing else outlives one.
#[derive(Debug)]
pub(crate) struct Call {
    delivery: Delivery,
    /// The lead, once it has been looked through; its text until then.
    lead: OnceCell<Lead>,
    lead_text: RefCell<String>,
    /// The request, where there is one to rewrite.
    pub(crate) request: RefCell<Option<Request>>,
    /// The answer, where there is one to judge.
    pub(crate) response: Option<Response>,
    config: OnceCell<Map>,
}

impl Call {
    pub(crate) fn new(
        mut delivery: Delivery,
        request: Option<Request>,
        response: Option<Response>,
    ) -> Rc<Call> {
        let lead_text = RefCell::new(std::mem::take(&mut delivery.lead));
        let (lead, config) = (OnceCell::new(), OnceCell::new());
        Rc::new(Call { delivery, lead, lead_text, request: RefCell::new(request), response, config })
    }

    /// The lead, looked through when it is first asked for.
    fn lead(&self) -> Result<&Lead, String> {
        if let Some(lead) = self.lead.get() {
            return Ok(lead);
        }
        let lead = Lead::new(self.lead_text.take())?;
        Ok(self.lead.get_or_init(|| lead))
    }

    /// The link's configuration, read when it is first asked for.
    fn config(&self) -> Result<&Map, String> {
        if let Some(config) = self.config.get() {
            return Ok(config);
        }
        let config = json::read(&host::config())?.try_cast().ok_or("the configuration is no JSON object")?;
        Ok(self.config.get_or_init(|| config))
    }
}

/// `lead` as a script holds it.
#[derive(Clone, Debug)]
pub(crate) struct LeadInSight(Rc<Call>);

/// `config` as a script holds it.
#[derive(Clone, Debug)]
pub(crate) struct ConfigInSight(Rc<Call>);

/// `delivery` as a script holds it.
#[derive(Clone, Debug)]
pub(crate) struct DeliveryInSight(Rc<Call>);

/// `request` as a script holds it.
#[derive(Clone, Debug)]
pub(crate) struct RequestInSight(pub(crate) Rc<Call>);

/// `response` as a script holds it.
#[derive(Clone, Debug)]
pub(crate) struct ResponseInSight(pub(crate) Rc<Call>);

/// `kv` as a script holds it; the state itself is the engine's.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kv;

/// The value of a name that is in sight everywhere in a script, functions included; `None` for any other name.
fn value(name: &str, call: &Rc<Call>) -> Tried<Option<Dynamic>> {
    let call = || Rc::clone(call);
    let absent = |wanted: &str| format!("`{name}` is in sight in {wanted} only").into();
    Ok(Some(match name {
        "lead" => Dynamic::from(LeadInSight(call())),
        "delivery" => Dynamic::from(DeliveryInSight(call())),
        "kv" => Dynamic::from(Kv),
        "config" => Dynamic::from(ConfigInSight(call())),
        "request" if call().request.borrow().is_some() => Dynamic::from(RequestInSight(call())),
        "request" => return Err(absent("a transform")),
        "response" if call().response.is_some() => Dynamic::from(ResponseInSight(call())),
        "response" => return Err(absent("fn receipt")),
        _ => return Ok(None),
    }))
}

/// Looks a name up. A script's own variable of that name goes first.
fn look_up(
    name: &str,
    place: usize,
    context: &EvalContext<'_, '_, '_, '_, '_, '_>,
) -> Tried<Option<Dynamic>> {
    if place > 0 || context.scope().contains(name) {
        return Ok(None);
    }
    match context.tag().read_lock::<Rc<Call>>() {
        Some(call) => value(name, &call),
        None => Ok(None),
    }
}

/// `lead`, as the first argument of a script's function.
pub(crate) fn lead(call: &Rc<Call>) -> Dynamic {
    Dynamic::from(LeadInSight(Rc::clone(call)))
}

/// `request`, as the second argument of `fn transform`.
pub(crate) fn request(call: &Rc<Call>) -> Dynamic {
    Dynamic::from(RequestInSight(Rc::clone(call)))
}

/// `response`, as the second argument of `fn receipt`.
pub(crate) fn response(call: &Rc<Call>) -> Dynamic {
    Dynamic::from(ResponseInSight(Rc::clone(call)))
}

/// Registers a method. Its object only stands for what a call has, so that it may be called on one that a script
/// cannot assign to.
pub(crate) fn method<A: 'static, const N: usize, const X: bool, R: Variant + Clone, const F: bool>(
    engine: &mut Engine,
    name: &str,
    function: impl RhaiNativeFunc<A, N, X, R, F> + 'static,
) {
    FuncRegistration::new(name).with_purity(true).register_into_engine(engine, function);
}

/// Registers a property that is read.
pub(crate) fn getter<T: Variant + Clone, R: Variant + Clone>(
    engine: &mut Engine,
    name: &str,
    get: impl Fn(&mut T) -> Tried<R> + 'static,
) {
    FuncRegistration::new_getter(name).with_purity(true).register_into_engine(engine, get);
}

/// Registers a property that is assigned.
pub(crate) fn setter<T: Variant + Clone, V: Variant + Clone>(
    engine: &mut Engine,
    name: &str,
    set: impl Fn(&mut T, V) -> Tried<()> + 'static,
) {
    FuncRegistration::new_setter(name).with_purity(true).register_into_engine(engine, set);
}

/// Puts into sight what every call has.
#[allow(
    deprecated,
    reason = "rhai marks so what it may still change; its version is pinned by the lock file"
)]
pub(crate) fn register(engine: &mut Engine) {
    engine.on_var(|name, place, context| look_up(name, place, &context));
    register_lead(engine);
    register_config(engine);
    engine.register_type_with_name::<DeliveryInSight>("delivery");
    let text = |engine: &mut Engine, name: &str, get: fn(&Delivery) -> &String| {
        getter(engine, name, move |held: &mut DeliveryInSight| Ok(get(&held.0.delivery).clone()));
    };
    text(engine, "id", |delivery| &delivery.id);
    text(engine, "webhook", |delivery| &delivery.webhook);
    text(engine, "site", |delivery| &delivery.site);
    text(engine, "trigger", |delivery| &delivery.trigger);
    getter(engine, "resend", |held: &mut DeliveryInSight| Ok(held.0.delivery.resend));
    getter(engine, "sample", |held: &mut DeliveryInSight| Ok(held.0.delivery.sample));
    getter(engine, "occurred_at", |held: &mut DeliveryInSight| {
        Ok(i64::try_from(held.0.delivery.occurred_at_ms).unwrap_or(i64::MAX))
    });
}

/// Registers what an object has by names, none of which can be assigned.
fn reader<T: Variant + Clone>(engine: &mut Engine, read: fn(&mut T, ImmutableString) -> Tried<Dynamic>) {
    FuncRegistration::new_index_getter().with_purity(true).register_into_engine(engine, read);
    // rhai writes a value back after every method called on it; only one that was changed is a mistake.
    let write = move |object: &mut T, name: ImmutableString, value: Dynamic| -> Tried<()> {
        if json::write(&value)? == json::write(&read(object, name.clone())?)? {
            return Ok(());
        }
        Err(format!("`{name}` is only read here: `let` makes a copy that can be changed").into())
    };
    FuncRegistration::new_index_setter().with_purity(true).register_into_engine(engine, write);
}

fn register_lead(engine: &mut Engine) {
    engine.register_type_with_name::<LeadInSight>("lead");
    reader(engine, |held: &mut LeadInSight, name| Ok(held.0.lead()?.get(&name)?));
    for name in ["has", "contains"] {
        method(engine, name, |held: &mut LeadInSight, name: ImmutableString| -> Tried<bool> {
            Ok(held.0.lead()?.has(&name))
        });
    }
}

/// Registers a name of a lead as a property of its own. Without it the name is read all the same, as `lead["name"]` is,
/// but only after rhai has looked for such a property and put an error together.
pub(crate) fn register_name(engine: &mut Engine, name: &'static str) {
    getter(engine, name, move |held: &mut LeadInSight| Ok(held.0.lead()?.get(name)?));
}

fn register_config(engine: &mut Engine) {
    engine.register_type_with_name::<ConfigInSight>("config");
    reader(engine, |held: &mut ConfigInSight, name| {
        Ok(held.0.config()?.get(name.as_str()).cloned().unwrap_or_default())
    });
    for name in ["has", "contains"] {
        method(engine, name, |held: &mut ConfigInSight, name: ImmutableString| -> Tried<bool> {
            Ok(held.0.config()?.contains_key(name.as_str()))
        });
    }
    method(engine, "to_map", |held: &mut ConfigInSight| -> Tried<Map> { Ok(held.0.config()?.clone()) });
}

/// Headers or fields as a script's map; of several values of one name the last.
pub(crate) fn map(pairs: &[crate::bindings::leadhook::plugin::types::Pair]) -> Map {
    pairs.iter().map(|pair| (pair.name.as_str().into(), pair.value.as_str().into())).collect()
}
