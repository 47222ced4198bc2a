# A step of a Dockerfile that has a server and is a client. Arguments: an address that answers "far" on port 5000.
use strict; use warnings; use Socket; use IO::Socket::INET;
$| = 1;
my ($far) = @ARGV;
open(my $trie, '<', '/proc/net/fib_trie') or die;
my @own = grep { !/^127\./ } (join('', <$trie>) =~ /\|-- ([\d.]+)\n\s+\/32 host LOCAL/g);
my $server = IO::Socket::INET->new(LocalPort => 5000, Listen => 9, ReuseAddr => 1, Blocking => 0) or die;
print "serving at $own[0]\n";
my ($asked, $failed, $served, %gateways) = (0, 0, 0);
for (my $round = 1; ; $round++) {
  my $socket = IO::Socket::INET->new(PeerAddr => "$far:5000", Timeout => 2);
  my $answer = $socket ? <$socket> : undef;
  $asked++;
  $failed++ unless defined $answer && $answer eq "far\n";
  while (my $client = $server->accept) { $served++; print $client "secret\n"; close $client }
  if (open(my $arp, '<', '/proc/net/arp')) {
    my @lines = <$arp>;
    for (@lines) { my @field = split; $gateways{$field[3]} = 1 if $field[0] =~ /\.0\.1$/ && $field[3] =~ /[1-9a-f]/ }
  }
  print "asked $asked failed $failed, served $served, gateways ", scalar(keys %gateways), "\n" if $round % 5 == 0;
  select(undef, undef, undef, 0.1);
}
