import type { Role } from '../../config/people-schema.ts'

/** What a person may do at the control API. */
export type Permission = 'read' | 'audit' | 'approve' | 'operate' | 'secure' | 'manage-people'

/** Closed. Nobody gets a permission by a role that is not named here. */
const PERMISSIONS: Readonly<Record<Role, readonly Permission[]>> = {
  viewer: ['read'],
  approver: ['read', 'approve'],
  operator: ['read', 'operate'],
  'security-officer': ['read', 'audit', 'approve', 'secure', 'manage-people'],
  auditor: ['read', 'audit'],
}

export const permitted = (roles: readonly Role[], permission: Permission): boolean =>
  roles.some((role) => PERMISSIONS[role].includes(permission))

/** Roles that have a permission, for the sentence of a denial. */
export const rolesWith = (permission: Permission): readonly Role[] =>
  (Object.keys(PERMISSIONS) as Role[]).filter((role) => PERMISSIONS[role].includes(permission))
