package ingest

// Random text without a digit has pieces that can be spoken as well: of ids such as
// sub_vkmaGfnmiQIlaP every eighth looked like an operation's name. Two letters that
// stand next to each other tell names from chance: "th" is common in names, "vk" is
// not, and a small letter is followed by another small one far more often than by a
// capital.

// letterPairs is how much likelier in names than by chance a letter (the column) is
// behind another (the row): powers of two, from 2^-4 ("0") to 2^3 ("7"). Counted over
// the names of actions in detect/capability, each name once.
var letterPairs = [26]string{
	"04550140401545040557401010",
	"60226103530711500440500030",
	"50506005404400600615400040",
	"63147000600240430330300000",
	"52551230000545032656033330",
	"50005200700401600424400040",
	"50107042500325220651500000",
	"70006000500130730323300030",
	"42644440000536630355030003",
	"21117111311121711121313111",
	"31217410400332020152512010",
	"42137100701410620034400020",
	"74007200600330650130200000",
	"52555460403224310157130010",
	"33440240224547330634543220",
	"50165002400501640644500020",
	"32222222222522222232722222",
	"50337030503232600145441040",
	"40407105502012430066303020",
	"50307004600100510443202040",
	"34344000300536060566000000",
	"60007000700000430000100000",
	"61026003502306730451000000",
	"11536111411121171226111131",
	"43534122214355461374132113",
	"72227222322222522222422222",
}

// What case tells, in the same powers of two: in names written in capitals and small
// letters, small letters follow each other four times as often as by chance, and a
// capital is behind any letter a quarter as often.
const (
	bothSmall   = 2
	behindSmall = -2 // a capital that begins a word: its letter tells nothing
	behindBig   = -1 // a small letter behind a capital
	bothBig     = -2
)

// How much likelier than chance a text is as a name that is taken for an id: behind a
// prefix (cus_…), where names are seldom; elsewhere, where a name may be made of
// acronyms (getHTTPSConfigOfAPIKey has -7); and where every piece of it could be one
// (HttpHdrXfrCtlMgr has -18).
const (
	doubtful = 5
	unlikely = -8
	hardly   = -20
)

// mixesCases says that a text has a capital and two small letters.
func mixesCases(s string) bool {
	upper, lower := 0, 0
	for i := range len(s) {
		switch {
		case isUpper(s[i]):
			upper++
		case isLower(s[i]):
			lower++
		}
	}
	return upper >= 1 && lower >= 2
}

// namelike is how much likelier a text is a name than random letters, in powers of
// two: 0 where it may as well be either.
func namelike(s string) (score int) {
	for i := 1; i < len(s); i++ {
		a, b := s[i-1], s[i]
		if !isLetter(a) || !isLetter(b) {
			continue
		}
		pair := int(letterPairs[a|0x20-'a'][b|0x20-'a']) - '4'
		switch {
		case isLower(a) && isLower(b):
			score += pair + bothSmall
		case isLower(a):
			score += behindSmall
		case isLower(b):
			score += pair + behindBig
		default:
			score += pair + bothBig
		}
	}
	return score
}
