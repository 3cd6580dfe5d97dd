import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { BIN } from '../support/gateway.ts'

test('the guarded session shows allowed calls, denied ones, a hijack that is held, a quarantined tool, a lock and a verified proof', () => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [BIN, 'demo'], {
    encoding: 'utf8',
    timeout: 60_000,
  })
  assert.equal(status, 0, stderr)
  for (const shown of [
    /ALLOWED {2}read_note monday.txt\n {2}“Call the ward about bed 4.”/,
    /HELD {5}send_mail .*\n {2}FLOW_HELD/,
    /ALLOWED {2}send_mail .*\n {2}“sent”/,
    /GRANT_CONSTRAINT/,
    /GRANT_MISSING/,
    /TOOL_QUARANTINED/,
    /LOCKED/,
    /verif/i,
  ]) {
    assert.match(stdout, shown)
  }
})
