package survey

import "time"

// Role is what somebody may do; their Place is where.
type Role string

// The roles. An organiser (组织单位) runs surveys and sees every count; a
// supervisor (主管) sees their place's figures with small counts hidden; staff
// (窗口人员) see the same for their window.
const (
	Organiser  Role = "organiser"
	Supervisor Role = "supervisor"
	Staff      Role = "staff"
)

// Roles lists the roles.
var Roles = [...]Role{Organiser, Supervisor, Staff}

// ParseRole reads a role's name.
func ParseRole(name string) (Role, bool) {
	for _, r := range Roles {
		if string(r) == name {
			return r, true
		}
	}
	return "", false
}

// Actor is who asks: a signed-in user or the holder of a token.
type Actor struct {
	Name  string
	Role  Role
	Place string // sees this place and what lies below it
}

// Restricted reports whether small counts are hidden from the actor and texts
// reach them late, so that nobody can be traced by a rating.
func (a Actor) Restricted() bool { return a.Role != Organiser }

// User signs in to the console.
type User struct {
	Actor
	PasswordHash string // argon2id, in PHC form
}

// Token lets a program read the API. Only its hash is stored.
type Token struct {
	Actor
	Hash      []byte // SHA-256 of the token
	CreatedAt time.Time
	RevokedAt time.Time // zero while in force
}

// Session is a signed-in browser, or one that is about to sign in (User empty).
type Session struct {
	Hash      []byte // SHA-256 of the cookie
	User      string
	ExpiresAt time.Time
}
