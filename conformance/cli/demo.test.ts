import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { BIN } from '../support/gateway.ts'

test('the guarded session shows an allowed call, denied ones, a quarantined tool, a lock and a verified proof', () => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [BIN, 'demo'], {
    encoding: 'utf8',
    timeout: 60_000,
  })
  assert.equal(status, 0, stderr)
  for (const shown of [
    /ALLOWED {2}read_note/,
    /GRANT_CONSTRAINT/,
    /GRANT_MISSING/,
    /TOOL_QUARANTINED/,
    /LOCKED/,
    /verif/i,
  ]) {
    assert.match(stdout, shown)
  }
})
