//! `generationConfig` of a client.

use super::super::read::{Place, fields, list, number, object, opt_text, text, truth, whole};
use crate::canonical::{OutputFormat, Reasoning, ReasoningIntent, ReasoningShow, Request};
use crate::codec::CodecError;
use crate::raw::RawJson;
use crate::splice::Node;
use crate::thinking;

/// Takes over what the common model has a place for; the rest is dropped.
pub(super) fn decode(config: Node<'_>, request: &mut Request) -> Result<(), CodecError> {
    let place = Place::of("generationConfig");
    let config = object(config, &place)?;
    decode_limits(config, &place, request)?;
    decode_sampling(config, &place, request)?;
    decode_output(config, &place, request)?;
    let [thinking] = fields(config, ["thinkingConfig"]);
    if let Some(thinking) = thinking {
        request.reasoning = decode_thinking(thinking, &place.key("thinkingConfig"))?;
    }
    Ok(())
}

fn decode_limits(
    config: Node<'_>,
    place: &Place<'_>,
    request: &mut Request,
) -> Result<(), CodecError> {
    let [max, stop] = fields(config, ["maxOutputTokens", "stopSequences"]);
    request.limits.max_output = whole(max, &place.key("maxOutputTokens"))?;
    let place = place.key("stopSequences");
    for (i, sequence) in stop.into_iter().flat_map(list).enumerate() {
        let sequence = text(sequence, &place.at(i))?;
        request.limits.stop.push(sequence.into_owned());
    }
    Ok(())
}

fn decode_sampling(
    config: Node<'_>,
    place: &Place<'_>,
    request: &mut Request,
) -> Result<(), CodecError> {
    let [
        temperature,
        top_p,
        top_k,
        presence,
        frequency,
        seed,
        n,
        want_logprobs,
        logprobs,
    ] = fields(
        config,
        [
            "temperature",
            "topP",
            "topK",
            "presencePenalty",
            "frequencyPenalty",
            "seed",
            "candidateCount",
            "responseLogprobs",
            "logprobs",
        ],
    );
    let sampling = &mut request.sampling;
    sampling.temperature = number(temperature, &place.key("temperature"))?;
    sampling.top_p = number(top_p, &place.key("topP"))?;
    sampling.top_k = whole(top_k, &place.key("topK"))?;
    sampling.presence_penalty = number(presence, &place.key("presencePenalty"))?;
    sampling.frequency_penalty = number(frequency, &place.key("frequencyPenalty"))?;
    sampling.seed = whole(seed, &place.key("seed"))?;
    sampling.n = whole(n, &place.key("candidateCount"))?;
    let alternatives = whole(logprobs, &place.key("logprobs"))?;
    if truth(want_logprobs, &place.key("responseLogprobs"))? == Some(true) {
        sampling.logprobs = Some(alternatives.unwrap_or(0));
    }
    Ok(())
}

fn decode_output(
    config: Node<'_>,
    place: &Place<'_>,
    request: &mut Request,
) -> Result<(), CodecError> {
    let [
        modalities,
        mime,
        schema,
        json_schema,
        old_json_schema,
        image,
    ] = fields(
        config,
        [
            "responseModalities",
            "responseMimeType",
            "responseSchema",
            "responseJsonSchema",
            "_responseJsonSchema",
            "imageConfig",
        ],
    );
    let output = &mut request.output;
    output.image_config = image.map(RawJson::of);
    let mime = opt_text(mime, &place.key("responseMimeType"))?;
    let schema = match (json_schema.or(old_json_schema), schema) {
        (Some(schema), _) => Some(RawJson::of(schema)),
        (None, Some(schema)) => Some(super::schema::to_json_schema(
            schema,
            &place.key("responseSchema"),
        )?),
        (None, None) => None,
    };
    output.format = match (mime.as_deref(), schema) {
        (None | Some("application/json"), Some(schema)) => OutputFormat::JsonSchema {
            name: None,
            description: None,
            schema,
            strict: None,
        },
        (Some("application/json"), None) => OutputFormat::JsonObject,
        // `text/plain`, and `text/x.enum`: one bare word, which is no JSON.
        _ => OutputFormat::Text,
    };
    let place = place.key("responseModalities");
    for (i, modality) in modalities.into_iter().flat_map(list).enumerate() {
        let word = text(modality, &place.at(i))?.to_ascii_lowercase();
        if word != "modality_unspecified" {
            output.modalities.push(word);
        }
    }
    Ok(())
}

fn decode_thinking(config: Node<'_>, place: &Place<'_>) -> Result<Reasoning, CodecError> {
    let [show, budget, level] = fields(
        object(config, place)?,
        ["includeThoughts", "thinkingBudget", "thinkingLevel"],
    );
    let show = match truth(show, &place.key("includeThoughts"))? {
        None => ReasoningShow::Unset,
        Some(false) => ReasoningShow::Hidden,
        Some(true) => ReasoningShow::SummaryAuto,
    };
    let budget = whole::<i64>(budget, &place.key("thinkingBudget"))?;
    let level = opt_text(level, &place.key("thinkingLevel"))?
        .filter(|word| !word.eq_ignore_ascii_case("THINKING_LEVEL_UNSPECIFIED"));
    let intent = match (level, budget) {
        (Some(word), _) => thinking::parse_level(&word)
            .map(ReasoningIntent::Level)
            .ok_or_else(|| {
                place
                    .key("thinkingLevel")
                    .invalid("must be minimal, low, medium or high")
            })?,
        (None, None) => ReasoningIntent::Unset,
        (None, Some(0)) => ReasoningIntent::Off,
        (None, Some(-1)) => ReasoningIntent::Auto,
        (None, Some(budget)) => {
            u32::try_from(budget)
                .map(ReasoningIntent::Budget)
                .map_err(|_| {
                    place
                        .key("thinkingBudget")
                        .invalid("must be -1 (automatic), 0 (off) or a number of tokens")
                })?
        }
    };
    Ok(Reasoning {
        intent,
        show,
        carry_encrypted: false,
    })
}
