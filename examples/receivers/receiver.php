<?php
// Receives webhooks with nothing but PHP: checks the signature, takes the decoded pairs, writes the lead as JSON.
//
//     WEBHOOK_SECRETS="whsec_... whsec_..." php -S 127.0.0.1:9000 receiver.php
//
// Several secrets stand side by side while one is being replaced. An answer of 2xx says: I have this lead.
// A webhook can come twice: `webhook-id` is the same then, so remember the ids that you have dealt with.
//
// PHP drops every pair beyond `max_input_vars` (1000 unless set): a transcript has two for each phrase, so
// raise it in php.ini to 10000 and more where you take `text`.

declare(strict_types=1);

const TOLERANCE_SECONDS = 5 * 60;

// Standard Webhooks: one of our secrets signed `id.timestamp.content`, and not long ago.
function is_genuine(string $content): bool
{
    $id = $_SERVER['HTTP_WEBHOOK_ID'] ?? '';
    $timestamp = $_SERVER['HTTP_WEBHOOK_TIMESTAMP'] ?? '';
    if (!preg_match('/^[0-9]{1,12}$/D', $timestamp) || abs(time() - (int) $timestamp) > TOLERANCE_SECONDS) {
        return false;
    }
    $given = explode(' ', $_SERVER['HTTP_WEBHOOK_SIGNATURE'] ?? '');
    foreach (preg_split('/\s+/', (string) getenv('WEBHOOK_SECRETS'), -1, PREG_SPLIT_NO_EMPTY) as $secret) {
        $key = base64_decode(preg_replace('/^whsec_/', '', $secret));
        $expected = 'v1,' . base64_encode(hash_hmac('sha256', "$id.$timestamp.$content", $key, true));
        foreach ($given as $one) {
            if (hash_equals($expected, $one)) {
                return true;
            }
        }
    }
    return false;
}

$is_get = $_SERVER['REQUEST_METHOD'] === 'GET';
$content = $is_get ? ($_SERVER['QUERY_STRING'] ?? '') : (string) file_get_contents('php://input');
if (!is_genuine($content)) {
    http_response_code(401);
    exit;
}
// PHP has decoded the pairs: `comment[0][party]` is $lead['comment'][0]['party'].
$lead = $is_get ? $_GET : $_POST;
// Here the lead goes into your system; answer only when it is safe there.
file_put_contents('php://stdout', json_encode($lead, JSON_UNESCAPED_UNICODE | JSON_UNESCAPED_SLASHES) . "\n");
http_response_code(200);
