import { entropy } from '../entropy.ts'

/** A form of token. One of `keywords` is in every text that matches; the expression MUST take linear time: no quantifier inside another. */
export interface SecretRule {
  readonly name: string
  readonly keywords: readonly string[]
  readonly pattern: RegExp
  /** Matches only where a block begins: the rest of it. Sticky. */
  readonly rest?: RegExp
  /** A look at what the first group matched, where the form alone says too little. */
  readonly isLikely?: (token: string) => boolean
}

const rule = (name: string, keyword: string | readonly string[], pattern: RegExp): SecretRule => ({
  name,
  keywords: typeof keyword === 'string' ? [keyword] : keyword,
  pattern,
})

/** Neither words nor a stand-in. */
const isRandom = (token: string): boolean =>
  /\d/.test(token) &&
  /[a-z]/i.test(token) &&
  entropy(token) >= 3.4 &&
  !/example|placeholder|xxxx|your[_-]/i.test(token)

export const SECRET_RULES: readonly SecretRule[] = [
  {
    ...rule('private key', 'private key', /-----BEGIN [A-Z ]{0,24}PRIVATE KEY(?: BLOCK)?-----/g),
    rest: /[\s\S]{0,16384}?-----END [A-Z ]{0,24}PRIVATE KEY(?: BLOCK)?-----/y,
  },
  rule('AWS access key', ['akia', 'asia'], /\b(?:AKIA|ASIA)[A-Z2-7]{16}\b/g),
  rule('GitHub token', ['ghp_', 'gho_', 'ghu_', 'ghs_', 'ghr_'], /\bgh[pousr]_[A-Za-z0-9]{36,255}\b/g),
  rule('GitHub fine-grained token', 'github_pat_', /\bgithub_pat_[A-Za-z0-9_]{60,255}\b/g),
  rule('GitLab token', 'glpat-', /\bglpat-[A-Za-z0-9_-]{20,64}/g),
  rule(
    'Slack token',
    ['xoxa-', 'xoxb-', 'xoxp-', 'xoxr-', 'xoxs-', 'xapp-'],
    /\b(?:xox[abprs]|xapp)-[0-9A-Za-z-]{20,255}/g,
  ),
  rule(
    'Slack webhook',
    'hooks.slack.com',
    /hooks\.slack\.com\/(?:services|workflows)\/[A-Za-z0-9/_-]{30,128}/g,
  ),
  rule(
    'Stripe key',
    ['sk_live_', 'sk_test_', 'rk_live_', 'rk_test_'],
    /\b[sr]k_(?:live|test)_[0-9A-Za-z]{20,255}/g,
  ),
  rule('Anthropic key', 'sk-ant-', /\bsk-ant-[a-z0-9]{2,10}-[A-Za-z0-9_-]{32,255}/g),
  rule('OpenAI key', 'sk-', /\bsk-(?!ant-)[A-Za-z0-9_-]{40,255}/g),
  rule('Google API key', 'aiza', /\bAIza[0-9A-Za-z_-]{35}/g),
  rule('Google OAuth token', 'ya29.', /\bya29\.[0-9A-Za-z_-]{30,1024}/g),
  rule('Google client secret', 'gocspx-', /\bGOCSPX-[0-9A-Za-z_-]{28}/g),
  rule('npm token', 'npm_', /\bnpm_[A-Za-z0-9]{36}\b/g),
  rule('PyPI token', 'pypi-ageichlwas5vcmc', /\bpypi-AgEIcHlwaS5vcmc[A-Za-z0-9_-]{50,500}/g),
  rule('crates.io token', 'cio', /\bcio[A-Za-z0-9]{32}\b/g),
  rule(
    'JSON Web Token',
    'eyj',
    /(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{10,2000}\.eyJ[A-Za-z0-9_-]{10,4000}\.[A-Za-z0-9_-]{16,1024}/g,
  ),
  rule('SendGrid key', 'sg.', /\bSG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}/g),
  rule('Mailgun key', 'key-', /\bkey-[0-9a-f]{32}\b/g),
  rule('Mailchimp key', '-us', /\b[0-9a-f]{32}-us\d{1,2}\b/g),
  rule(
    'Twilio key',
    [
      'sk0',
      'sk1',
      'sk2',
      'sk3',
      'sk4',
      'sk5',
      'sk6',
      'sk7',
      'sk8',
      'sk9',
      'ska',
      'skb',
      'skc',
      'skd',
      'ske',
      'skf',
    ],
    /\bSK[0-9a-f]{32}\b/g,
  ),
  rule('DigitalOcean token', ['dop_v1_', 'doo_v1_', 'dor_v1_'], /\bdo[opr]_v1_[0-9a-f]{64}\b/g),
  rule('Shopify token', ['shpat_', 'shpca_', 'shppa_', 'shpss_'], /\bshp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}\b/g),
  rule('Square token', 'sq0', /\bsq0[a-z]{3}-[0-9A-Za-z_-]{22,60}/g),
  rule('Telegram bot token', ':aa', /\b\d{8,10}:AA[A-Za-z0-9_-]{33}/g),
  rule(
    'Discord webhook',
    '/api/webhooks/',
    /discord(?:app)?\.com\/api\/webhooks\/\d{15,20}\/[A-Za-z0-9_-]{60,90}/g,
  ),
  rule('Hugging Face token', 'hf_', /\bhf_[A-Za-z0-9]{34,40}\b/g),
  rule('Databricks token', 'dapi', /\bdapi[0-9a-f]{32}\b/g),
  rule('Vault token', ['hvs.', 'hvb.'], /\bhv[sb]\.[A-Za-z0-9_-]{24,255}/g),
  rule('Terraform token', '.atlasv1.', /\b[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_-]{60,80}/g),
  rule('Doppler token', 'dp.', /\bdp\.(?:pt|st|ct|sa)\.[A-Za-z0-9.]{40,80}/g),
  rule('Linear key', 'lin_api_', /\blin_api_[A-Za-z0-9]{32,48}\b/g),
  rule('Notion token', ['secret_', 'ntn_'], /\b(?:secret_[A-Za-z0-9]{43}|ntn_[A-Za-z0-9]{40,50})\b/g),
  rule('Postman key', 'pmak-', /\bPMAK-[0-9a-f]{24}-[0-9a-f]{34}\b/g),
  rule('Grafana token', ['glsa_', 'glc_'], /\bgl(?:sa|c)_[A-Za-z0-9_=-]{32,400}/g),
  rule('New Relic key', 'nrak-', /\bNRAK-[A-Z0-9]{27}\b/g),
  rule('Sentry token', ['sntrys_', 'sntryu_'], /\bsntry[su]_[A-Za-z0-9_=+/-]{40,300}/g),
  rule('Docker token', 'dckr_pat_', /\bdckr_pat_[A-Za-z0-9_-]{27}/g),
  rule('PlanetScale token', 'pscale_', /\bpscale_(?:tkn|pw|oauth)_[A-Za-z0-9_.-]{32,64}/g),
  rule('age key', 'age-secret-key-1', /\bAGE-SECRET-KEY-1[0-9A-Z]{58}\b/g),
  rule('Atlassian token', 'atatt3', /\bATATT3[A-Za-z0-9_=-]{100,300}/g),
  rule('Figma token', 'figd_', /\bfigd_[A-Za-z0-9_-]{40,60}/g),
  rule('Airtable token', 'pat', /\bpat[A-Za-z0-9]{14}\.[0-9a-f]{64}\b/g),
  rule('Azure storage key', 'accountkey=', /\bAccountKey=[A-Za-z0-9+/]{80,100}={0,2}/gi),
  rule(
    'password in an address',
    '://',
    /\b[a-z][a-z0-9+.-]{1,20}:\/\/[^\s:@/'"<>]{1,64}:(?!\*|x{3}|<|\$|\{)[^\s:@/'"<>]{3,128}@[A-Za-z0-9.-]{3,128}/gi,
  ),
  {
    ...rule(
      'assigned secret',
      ['secret', 'token', 'passw', 'api_key', 'apikey', 'api-key', 'access_key', 'auth'],
      /(?:secret|token|passw(?:or)?d|api[_-]?key|access[_-]?key|auth)[A-Za-z_-]{0,16}["']?\s{0,4}(?::|=|=>)\s{0,4}["']?([A-Za-z0-9+/_.~-]{16,256})/gi,
    ),
    isLikely: isRandom,
  },
  {
    ...rule('bearer token', 'bearer ', /\bbearer\s{1,2}([A-Za-z0-9+/_.~-]{20,2048})/gi),
    isLikely: isRandom,
  },
]
