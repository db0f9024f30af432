//! Everyday words, which are nobody's name unless a name was asked for and nothing else was said.

use std::collections::HashSet;
use std::sync::LazyLock;

/// Everyday words that are nobody's name.
const PLAIN: &str = "a about actually add afraid after afternoon again agent ago ah ahead ahem all alone along already alright also \
although altogether always am among an and another any anyhow anyone anything anyway anywhere apart apologies \
apologize appointment appreciate are area argue around arrive as ask asked asking assistant at available away awesome \
awful awhile baby back bad bag ball balls basically be beautiful became because been before beg began begin behind \
being believe below beside besides best better between beyond big bigger bit boat body book booked booking bot both \
bother bought boy boys break breakfast bring brother brothers bucket buddies buddy building business busy but buy by \
bye call called caller calling calls came can cancel cant car card care careful carry cart carts case cash catch \
certainly change cheap cheaper cheapest check cheers child children choose city class clean clear clearly close closed \
closing club clubhouse clubs code cold come complaint complete completely computer confirm confirmation confirmed \
confused contact cool correct cost could counting couple course crazy currently customer dad damn darling darn date \
dates daughter day days dear decide decided decision definitely deposit did didnt different dinner directions discount \
do doctor does doesnt dog dogs doing dollar dollars done dont door down dozen dress drink drive driving dunno during \
each earlier early ears easier easy eat eh eighteen either else email emergency end english enough entire er erm \
especially even evening evenings ever every everybody everyone everything everywhere exact exactly example excited \
excuse expect expensive explain extra eye eyes face fact fair family fantastic far father favorite fee feel feeling \
fees fellow few figure final finally find fine finish finished first folks follow following food foot for forget four \
foursome frankly free friend friends from fun funny gave gentleman gentlemen get gift girl girls give given giving \
glad glove go going golf golfer golfers golfing gonna good goodbye goodness got gotta gotten grab granddad grandson grass \
great guess guest guests guitar guy guys had hair half hand hands hang happen happened happens happy hard has hate \
have havent having he head health hear heard heart heavy hello help her here hey hi high him hire his hit hiya hm hmm \
hold holes holiday home honest honestly honey hoped hopefully hoping horrible hot hotel hour hours house how however \
huge huh huhu human hungry hurry hurt husband i id idea ideal if ill im imagine important impossible in including \
inside instead interested into is isnt issue it its ive jeans job join joke joking just keep keeping kid kidding kids \
kind kinda knew know known ladies lady last late later laugh learn least leave leaving left less lesson lessons let \
lets letter letters lie life lift light like listen listening little live living local long look looking lot lots loud \
lousy love loved lovely luck lucky lunch lunchtime maam machine make making manager many mate matter may maybe me mean \
meant meet meeting member members membership men mentioned mess message met mhm middle might mile mind mine minute \
minutes miss mister mix mixed mm mobile mom moment money month months mood more morning most mother move moved moving \
mr mrs ms much mum music must my myself name near nearly necessary nah need needed needs neither nervous never new news \
next nice nicely nicer nines no nobody noise none nonsense noon nope normal normally not nothing now nowhere number o \
obviously oclock of off offer office often oh ok okay old older on once one ones online only onto open opening \
operator or order organise organize originally other otherwise ought our ours out outside over own owner pair paper \
pardon parents parking part particular partner party passed past patient pay paying people per perfect perfectly \
perhaps person phone pick picked pity place places plan planning plans play player players playing please plenty plus \
pm point polite popular possible possibly prefer prepared pretty previous price pro probably problem promise proper \
properly provide pull purpose push put putting question questions quick quicker quickly quiet quite quote rain rained \
raining rainy range rates rather reach reading ready real realize really reason reasonable recommend record reduce \
refund regarding regular remember remind rent rental rentals repeat represent representative request reschedule \
rescheduled reservation reservations reserve reserved rest restaurant result ride riding right robot room round rounds \
rude rule rules running sad safe said same sample saturday save saving saw say saying says schedule scheduled school \
score seat seats second secure see seem seemed seems sell send sense sent separate serious seriously serve service set \
several shame share she shirt shoes shop short shorter shorts should shout show shown shut sick side sign silly simple \
simply since single sir sister sit situation sixty size skip sleep slightly slot slots slow slower slowly small smoke \
so soccer sold some somebody somehow someone something sometime sometimes somewhere son sons soon sorry sort sorta \
sounds space speak speaking special specific spell spelled spelling spend spoke sport sports spot spring squeeze staff \
stand standing start starting state stay stayed still stop store storm story straight strange street struggle stuck \
student study stuff stupid such suddenly suggest suit suits summer sunday sunny super suppose supposed sure surely surprise \
swap switch system table take taken takes taking talk talked talking taught teach team tee teeing tees tell telling \
terrible test text than thank thanks that thatd thatll thats the their them themselves then there therefore theres \
these they theyre thing things think thinking third thirsty thirty this those though thought threesome through throw \
throwing ticket tickets till time times tired to today together told tomorrow tonight too took tool totally touch \
tough tournament toward town track traffic tried trouble true truly trust truth try trying turn twice two twosome type \
uh uhh um umbrella umm unable under understand unfortunately unless unlikely unsure until up upon upset us use used \
usual usually vacation value version very via visit visiting voice wait waiting walk walked walking wanna want wanted \
was wash wasnt watch water way we wear wearing weather wed week weekday weekdays weekend weekends weeks weird well \
went were weve what whatever whats wheelchair when whenever whens where wheres which whichever while who whole whos \
whose why wife will winning winter wish wished with without woman women wonder wondered wonderful wondering wont word \
words wore work works world worried worry worse worst worth would wouldnt wow write writing wrong wrote yall yard \
yards yay yea yeah year years yell yep yes yesterday yet you youd youll young younger your youre yours yourself \
yourselves youve yup zero";

/// Everyday words that some people are called.
const ALSO_SURNAMES: &str =
    "best case cash close day early friend good little long love may price short small storm summer weeks will young";

static PLAIN_WORDS: LazyLock<HashSet<&str>> = LazyLock::new(|| PLAIN.split_ascii_whitespace().collect());

/// Whether a word is everyday English, in one of its forms.
pub(crate) fn is_everyday(word: &str) -> bool {
    let stem =
        |ending: &str| word.strip_suffix(ending).is_some_and(|stem| stem.len() > 3 && PLAIN_WORDS.contains(stem));
    PLAIN_WORDS.contains(word) || stem("s") || stem("ing") || stem("ed")
}

/// Whether an everyday word is a surname too.
pub(crate) fn is_surname_too(word: &str) -> bool {
    ALSO_SURNAMES.split_ascii_whitespace().any(|surname| surname == word)
}
