package survey

import "time"

// Actor is who asks: a signed-in user or the holder of a token.
type Actor struct {
	Name  string
	Role  Role
	Place string // sees this place and what lies below it
}

// User signs in to the console.
type User struct {
	Actor
	PasswordHash string // argon2id, in PHC form
	// Phone is where reminders go, the JSON of a [Contact] sealed for the user; nil if
	// there is none.
	Phone *SealedText
}

// Sealed is the user's phone as a value of its own, nothing sealed if there is none.
func (u User) Sealed() SealedValue {
	v := SealedValue{Kind: SealedUsers, ID: []byte(u.Name)}
	if u.Phone != nil {
		v.KeyID, v.Sealed = u.Phone.KeyID, u.Phone.Sealed
	}
	return v
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
